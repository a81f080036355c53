"""All Keras layer classes of this package.

May import `_data` and `_shared`. Imported by the rest of `_network` and by the rooms that may
import that.
"""
