"""Labels of any format to class indices and back.

`parse` reads a target, `codec` maps labels to indices, `incremental` learns classes batch by batch.
"""
