"""Command ``python -m benchmarks.text``: run missing fits and print all results."""

from __future__ import annotations

from ..accuracy.program import Program
from .data import FILE, HOW_TO_GET, SPLITS
from .measuring import measure
from .models import MODELS
from .report import format_report
from .results import TextResult

PROGRAM = Program(
    name="benchmarks.text",
    description="Compare keras-multiclass with other classifiers of texts.",
    files={"trec": FILE},
    how_to_get=HOW_TO_GET,
    splits=SPLITS,
    models=MODELS,
    measure=measure,
    result=TextResult,
    format_report=format_report,
    packages=("numpy", "scikit-learn", "tensorflow", "keras"),
)

if __name__ == "__main__":
    PROGRAM.main()
