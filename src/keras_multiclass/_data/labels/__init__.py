"""Labels of any format as class indices, and class indices as labels of the same format.

Anything that may import `_data` may import it; it imports only `_shared` and `_data.frames`.
"""
