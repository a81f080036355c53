"""What this package costs and gains, measured; not installed, run from a clone."""
