"""Accuracy of this package on raw tables, compared with other classifiers.

Run with ``python -m benchmarks.tables``. ``benchmarks/README.md`` describes what is measured and
how to add a model.
"""
