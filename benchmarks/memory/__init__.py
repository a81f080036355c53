"""Benchmark of peak memory on large arrays of images; see `__main__`."""
