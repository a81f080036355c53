"""Command ``python -m benchmarks.tables``: run missing fits and print all results."""

from __future__ import annotations

from ..accuracy.program import Program
from .data import HOW_TO_GET, SPLITS, TABLES
from .measuring import measure
from .models import MODELS
from .report import format_report
from .results import TableResult

PROGRAM = Program(
    name="benchmarks.tables",
    description="Compare the accuracy of keras-multiclass with other classifiers.",
    files={table: f"{table}.parquet" for table in TABLES},
    how_to_get=HOW_TO_GET,
    splits=SPLITS,
    models=MODELS,
    measure=measure,
    result=TableResult,
    format_report=format_report,
    packages=("numpy", "pandas", "scikit-learn", "tensorflow", "keras", "pytabkit", "torch"),
)

if __name__ == "__main__":
    PROGRAM.main()
