"""Every Keras layer class of this package.

May import `_data` and `_shared` only.
"""
