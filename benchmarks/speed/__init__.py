"""Speed and memory of this package beside the packages that do the same work.

Run it with ``python -m benchmarks.speed``; ``benchmarks/README.md`` says what is measured and where
to add a contestant or a case.
"""
