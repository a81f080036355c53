"""Tables larger than memory, in files or lazy frames, as streams of batches."""
