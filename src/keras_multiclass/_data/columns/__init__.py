"""Columns of tables that are not numbers: categories, dates and texts."""
