"""Lay out a report as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from keras_multiclass._shared.messages import shorten
from keras_multiclass.evaluation._tables import Table, format_count

if TYPE_CHECKING:
    from keras_multiclass.evaluation._report import ClassificationReport

_MAX_LABEL_LENGTH = 28
_MAX_CLASSES = 40
_TITLES = {
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
    """Return the number of rows and classes as text.

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
    """Return the title of a measure.

    Parameters
    ----------
    name : str
        Key of the measure, possibly with the prefix ``macro_``.
    top_k : int or None
        The k of the top-k accuracy.
    """
    bare = name.removeprefix("macro_")
    title = _TITLES[bare].format(top_k=top_k)
    return title if bare == name else f"macro {title}"


def report_tables(report: ClassificationReport) -> list[Table]:
    """Return the tables of a report: classes, overall measures and, if any, confused pairs.

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
    labels = [shorten(label, _MAX_LABEL_LENGTH) for label in report.classes.tolist()]
    shown = np.arange(len(labels))
    note = ""
    if len(labels) > _MAX_CLASSES:
        shown = np.argsort(report.per_class["f1"], kind="stable")[:_MAX_CLASSES]
        note = f"The {_MAX_CLASSES} classes of lowest F1; to_frame() has all {len(labels)}."
    rows = [
        (
            labels[k],
            *(
                format_count(values[k]) if name == "support" else float(values[k])
                for name, values in report.per_class.items()
            ),
        )
        for k in shown
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
            shorten(pair.true, _MAX_LABEL_LENGTH),
            shorten(pair.predicted, _MAX_LABEL_LENGTH),
            format_count(pair.n_samples),
            pair.share,
        )
        for pair in report.confused_pairs()
    ]
    columns = ("true", "predicted", "rows", "share of class")
    return [Table(columns, list(rows), n_names=2, bars=True)] if rows else []
