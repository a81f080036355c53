"""Keras itself: a quiet import, global settings, and copies, names and look-ups of its objects.

May import `_shared` only.
"""
