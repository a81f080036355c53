"""Losses, metrics and outputs for labels of which a row may have several."""
