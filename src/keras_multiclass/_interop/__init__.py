"""Adapters to SciKeras, scikit-learn's callbacks, TensorBoard and notebooks.

Every subpackage but `_data` and `_shared` may import it; it imports `_shared` only.
"""
