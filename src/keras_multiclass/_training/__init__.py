"""One training run: from parameters and data to a fitted network, and the engine that trains it.

The classifier may import it; it imports every subpackage but `evaluation`.
"""
