"""Losses, metrics and outputs for classes that exclude each other."""
