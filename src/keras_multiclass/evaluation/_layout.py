"""What stands in which table of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from keras_multiclass._shared.messages import shorten
from keras_multiclass.evaluation._tables import Table, count_text

if TYPE_CHECKING:
    from keras_multiclass.evaluation._report import ClassificationReport

_LONGEST_NAME = 28
_MOST_CLASSES = 40
_MEASURES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "support": "support",
    "roc_auc": "ROC AUC",
    "average_precision": "AP",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "cohen_kappa": "Cohen's kappa",
    "matthews_corrcoef": "Matthews correlation",
    "log_loss": "log loss",
    "brier_score": "Brier score",
    "top_k_accuracy": "top-{top_k} accuracy",
    "expected_calibration_error": "calibration error",
}


def report_title(report: ClassificationReport) -> str:
    """Say how many rows and classes there are.

    Parameters
    ----------
    report : ClassificationReport
        The report.
    """
    rows, classes = report.n_samples, len(report.classes)
    return (
        f"{rows} {'row' if rows == 1 else 'rows'} of "
        f"{classes} {'class' if classes == 1 else 'classes'}"
    )


def measure_title(name: str, top_k: int | None) -> str:
    """Write the name of a measure for readers.

    Parameters
    ----------
    name : str
        Key of the measure; ``macro_`` may stand before it.
    top_k : int or None
        The k of the top-k accuracy.
    """
    own = name.removeprefix("macro_")
    title = _MEASURES[own].format(top_k=top_k)
    return title if own == name else f"macro {title}"


def report_tables(report: ClassificationReport) -> list[Table]:
    """Lay out a report: its classes, the overall measures, and confused pairs if there are any.

    Parameters
    ----------
    report : ClassificationReport
        The report.
    """
    measures = [(measure_title(name, report.top_k), v) for name, v in report.overall.items()]
    return [
        _class_table(report),
        Table(("measure", "value"), list(measures)),
        *_pair_tables(report),
    ]


def _class_table(report: ClassificationReport) -> Table:
    columns = list(report.per_class)
    labels = [shorten(label, _LONGEST_NAME) for label in report.classes.tolist()]
    shown = np.arange(len(labels))
    note = ""
    if len(labels) > _MOST_CLASSES:
        shown = np.argsort(report.per_class["f1"], kind="stable")[:_MOST_CLASSES]
        note = f"The {_MOST_CLASSES} classes of lowest F1; to_frame() has all {len(labels)}."
    rows = [
        (
            labels[number],
            *(
                count_text(values[number]) if name == "support" else float(values[number])
                for name, values in report.per_class.items()
            ),
        )
        for number in shown
    ]
    averages = [
        (kind, *("" if name == "support" else scores[name] for name in columns))
        for kind, scores in report.averages.items()
    ]
    return Table(
        ("class", *(measure_title(name, report.top_k) for name in columns)),
        [*rows, *averages],
        n_averages=len(averages),
        bars=True,
        note=note,
    )


def _pair_tables(report: ClassificationReport) -> list[Table]:
    rows = [
        (
            shorten(pair.true, _LONGEST_NAME),
            shorten(pair.predicted, _LONGEST_NAME),
            count_text(pair.n_samples),
            pair.share,
        )
        for pair in report.confused_pairs()
    ]
    columns = ("true", "taken for", "rows", "share of true")
    return [Table(columns, list(rows), n_names=2, bars=True)] if rows else []
