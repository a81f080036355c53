"""Speed and memory of this package compared with similar packages.

Run with ``python -m benchmarks.speed``. ``benchmarks/README.md`` describes what is measured and how
to add a contestant or a case.
"""
