"""The network: preprocessing layers, backbone, head, loss, metrics and optimizer.

May import `_data`, `_interop` and `_shared`; knows nothing of training runs.
"""
