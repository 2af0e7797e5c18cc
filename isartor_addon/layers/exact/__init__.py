"""L1a: the same request gets the same answer."""
