"""What Keras and TensorFlow do not document, in one module for each of them.

May import `_shared` only. Each module lists the names that it uses in `UNDOCUMENTED`, with their
purpose and what happens without them: never a wrong result, at worst slower training.
"""
