"""Columns of a table that become several numbers: dates and times, and free text."""
