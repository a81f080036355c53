"""Keras itself: quiet import, global settings, and copies, names and look-ups of its objects.

May import `_shared`. Imported by every room.
"""
