"""Labels in any format, mapped to class indices and back.

May import `_shared`. Imported by the rooms that may import `_data`.
"""
