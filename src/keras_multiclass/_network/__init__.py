"""The network: preprocessing layers, backbone, head, loss, metrics and optimizer.

May import `_data`, `_interop` and `_shared`. Imported by `_training` (except the engines),
`_classifier` and the package itself.
"""
