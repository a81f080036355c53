"""What all rooms use: messages, types, seeds, checks of plain values, Keras' process-wide state.

Every room may import it; it imports nothing of this package but `exceptions`.
"""
