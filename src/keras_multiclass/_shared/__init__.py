"""What all subpackages use: messages, types, seeds, checks of values, Keras' global state.

Every subpackage may import it; it imports nothing of this package but `exceptions`.
"""
