"""Image files: found, read as arrays of 8 bits."""
