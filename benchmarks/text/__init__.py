"""Accuracy of this package on texts, compared with classifiers of TF-IDF features.

Run with ``python -m benchmarks.text``. ``benchmarks/README.md`` describes what is measured.
"""
