"""Benchmarks of speed and accuracy; not installed, run from a clone."""
