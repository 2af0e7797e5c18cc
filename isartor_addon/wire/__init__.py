"""The wire formats, one file each, and `find`, which knows a request's format by its request line."""
