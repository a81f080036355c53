"""One training run: settings, data, network, callbacks, and the engine that trains.

May import every room but `evaluation`.
"""
