"""Accuracy of this package on tables of several labels per row, compared with other classifiers.

Run with ``python -m benchmarks.multilabel``. ``benchmarks/README.md`` describes what is measured.
"""
