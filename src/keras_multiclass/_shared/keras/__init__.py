"""Keras itself: a quiet import, global settings, and copies, names and look-ups of its objects.

Every subpackage may import it; it imports the rest of `_shared` only.
"""
