"""Undocumented names of Keras and TensorFlow, in one module for each of them.

May import `_shared`. Imported by every subpackage. Each module lists its names in `UNDOCUMENTED`.
"""
