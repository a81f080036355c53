"""From the user's data, arrays or streams, to the rows that a run trains on.

`run.py` imports it; it imports the parameters of the run, and knows nothing of training.
"""
