"""The user's data: features, labels, weights and streams, validated and converted to arrays.

Imports only `_shared`; networks, training and evaluation may import it.
"""
