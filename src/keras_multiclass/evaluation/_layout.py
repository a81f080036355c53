"""Lay out a report as tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from keras_multiclass._shared.messages import shorten
from keras_multiclass.evaluation._tables import Cell, Table, format_count

if TYPE_CHECKING:
    from keras_multiclass.evaluation._multilabel_report import MultilabelReport
    from keras_multiclass.evaluation._report import ClassificationReport

    Report: TypeAlias = ClassificationReport | MultilabelReport

_MAX_LABEL_LENGTH = 28
_MAX_CLASSES = 40
_TITLES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "support": "support",
    "roc_auc": "ROC AUC",
    "average_precision": "AP",
    "threshold": "threshold",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "cohen_kappa": "Cohen's kappa",
    "matthews_corrcoef": "Matthews correlation",
    "log_loss": "log loss",
    "brier_score": "Brier score",
    "top_k_accuracy": "top-{top_k} accuracy",
    "expected_calibration_error": "calibration error",
    "subset_accuracy": "subset accuracy",
    "hamming_loss": "Hamming loss",
    "label_ranking_average_precision": "label ranking AP",
    "ranking_loss": "ranking loss",
    "coverage_error": "coverage error",
}

# Numbers as text have no bar.
_CELLS: dict[str, Callable[[Any], Cell]] = {"support": format_count, "threshold": "{:.3f}".format}


@dataclass(frozen=True)
class Terms:
    """What the tables of a report call classes and confusions.

    Attributes
    ----------
    one, several : str
        Name of a class, and of several.
    pair : tuple of str
        Headings of the two classes of a confused pair.
    """

    one: str
    several: str
    pair: tuple[str, str]


CLASSES = Terms("class", "classes", ("true", "predicted"))
LABELS = Terms("label", "labels", ("missed", "added instead"))


def report_title(report: Report, terms: Terms = CLASSES) -> str:
    """Return the number of rows and classes as text.

    Parameters
    ----------
    report : ClassificationReport or MultilabelReport
        The report.
    terms : Terms, default=CLASSES
        The terms to use.
    """
    rows, classes = report.n_samples, len(report.classes)
    return (
        f"{rows} {'row' if rows == 1 else 'rows'} of "
        f"{classes} {terms.one if classes == 1 else terms.several}"
    )


def measure_title(name: str, top_k: int | None = None) -> str:
    """Return the title of a measure.

    Parameters
    ----------
    name : str
        Key of the measure, possibly with the prefix ``macro_``.
    top_k : int, default=None
        The k of the top-k accuracy.
    """
    bare = name.removeprefix("macro_")
    title = _TITLES[bare].format(top_k=top_k)
    return title if bare == name else f"macro {title}"


def report_tables(report: Report, terms: Terms = CLASSES) -> list[Table]:
    """Return the tables of a report: classes, overall measures and, if any, confused pairs.

    Parameters
    ----------
    report : ClassificationReport or MultilabelReport
        The report.
    terms : Terms, default=CLASSES
        The terms to use.
    """
    top_k = getattr(report, "top_k", None)
    measures = [(measure_title(name, top_k), v) for name, v in report.overall.items()]
    return [
        _class_table(report, terms),
        Table(("measure", "value"), list(measures)),
        *_pair_tables(report, terms),
    ]


def _class_table(report: Report, terms: Terms) -> Table:
    columns = list(report.per_class)
    labels = [shorten(label, _MAX_LABEL_LENGTH) for label in report.classes.tolist()]
    shown = np.arange(len(labels))
    note = ""
    if len(labels) > _MAX_CLASSES:
        shown = np.argsort(report.per_class["f1"], kind="stable")[:_MAX_CLASSES]
        note = f"The {_MAX_CLASSES} {terms.several} of lowest F1; to_frame() has all {len(labels)}."
    rows = [
        (
            labels[k],
            *(_CELLS.get(name, float)(values[k]) for name, values in report.per_class.items()),
        )
        for k in shown
    ]
    averages = [
        (kind, *(scores.get(name, "") for name in columns))
        for kind, scores in report.averages.items()
    ]
    return Table(
        (terms.one, *map(measure_title, columns)),
        [*rows, *averages],
        n_averages=len(averages),
        bars=True,
        note=note,
    )


def _pair_tables(report: Report, terms: Terms) -> list[Table]:
    rows = [
        (
            shorten(pair.true, _MAX_LABEL_LENGTH),
            shorten(pair.predicted, _MAX_LABEL_LENGTH),
            format_count(pair.n_samples),
            pair.share,
        )
        for pair in report.confused_pairs()
    ]
    columns = (*terms.pair, "rows", f"share of {terms.one}")
    return [Table(columns, list(rows), n_names=2, bars=True)] if rows else []
