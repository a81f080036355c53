"""Streams of batches, and tables in files that are read as such."""
