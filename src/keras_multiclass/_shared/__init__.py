"""What every room uses: messages, types, seeds, and Keras' process-wide state.

May import nothing of this package but `exceptions`.
"""
