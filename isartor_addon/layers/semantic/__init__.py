"""L1b: the same question in other words gets the same answer."""
