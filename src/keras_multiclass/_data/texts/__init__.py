"""Texts: told from other data, encoded with a vocabulary of the training rows."""
