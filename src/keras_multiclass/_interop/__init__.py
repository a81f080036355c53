"""Adapters to SciKeras, scikit-learn's callbacks, TensorBoard and notebooks.

May import `_shared`. Imported by `_network`, `_training` and `_classifier`.
"""
