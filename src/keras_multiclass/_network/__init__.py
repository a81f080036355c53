"""The network: preprocessing, backbone, head, loss, metrics and optimizer, built and compiled.

`_training` and the classifier may import it; it imports `_data`, `_interop` and `_shared`.
"""
