"""What the user gives: features, labels, weights and streams, checked and turned into arrays.

May import `_shared` only; knows nothing of networks or training.
"""
