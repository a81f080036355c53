"""Accuracy of this package on raw tables, beside other classifiers.

Run it with ``python -m benchmarks.tables``; ``benchmarks/README.md`` says what is measured and
where to add a model.
"""
