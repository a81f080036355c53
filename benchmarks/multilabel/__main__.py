"""Command ``python -m benchmarks.multilabel``: run missing fits and print all results."""

from __future__ import annotations

from ..accuracy.program import Program
from .data import HOW_TO_GET, SPLITS, TABLES
from .measuring import measure
from .models import MODELS
from .report import format_report
from .results import LabelsResult

PROGRAM = Program(
    name="benchmarks.multilabel",
    description="Compare keras-multiclass with other classifiers of several labels per row.",
    files={table: f"multilabel_{table}.parquet" for table in TABLES},
    how_to_get=HOW_TO_GET,
    splits=SPLITS,
    models=MODELS,
    measure=measure,
    result=LabelsResult,
    format_report=format_report,
    packages=("numpy", "pandas", "scikit-learn", "tensorflow", "keras"),
)

if __name__ == "__main__":
    PROGRAM.main()
