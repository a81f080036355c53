"""A training run: settings, data, network, callbacks, and the engine that trains.

May import every room except `evaluation`. Imported by `_classifier` and the package itself.
"""
