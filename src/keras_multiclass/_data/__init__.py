"""The user's data: checks features, labels, weights and streams and converts them to arrays.

May import `_shared`. Imported by `_network`, `_training`, `evaluation` and `_classifier`.
"""
