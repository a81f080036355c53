"""Adapters to SciKeras, scikit-learn's callbacks, TensorBoard and notebooks.

May import `_shared` only.
"""
