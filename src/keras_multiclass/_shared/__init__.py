"""What several rooms need: messages, types, seeds, and Keras' process-wide state.

May import `exceptions` alone. Imported by every room.
"""
