"""From the user's data, arrays or streams, to the rows that a run trains on.

Imports the settings modules beside it; knows nothing of the engine and the run.
"""
