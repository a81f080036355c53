"""Rows that are held out."""
