"""All Keras layer classes of the package; each keeps its registered name across versions.

Imports only `_data` and `_shared`; any module of `_network` and `_training` may import it.
"""
