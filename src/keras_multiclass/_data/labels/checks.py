"""Checks that learned labels are classes, not values that only look like them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from keras_multiclass._shared.messages import format_list, invalid, warn

if TYPE_CHECKING:
    from keras_multiclass._data.labels.codec import LabelCodec

_MANY_CLASSES = 1000
# Rows per class, on average, below which so many labels are not classes.
_FEWEST_ROWS = 2
_FEWEST_ROWS_OF_FLOATS = 10
# scikit-learn's `type_of_target` warns of more rows than this with more labels than half of them.
_FEW_ROWS = 20


def check_learned_labels(codec: LabelCodec, n_rows: int) -> None:
    """Check classes that were learned from the labels of a target.

    Parameters
    ----------
    codec : LabelCodec
        The classes.
    n_rows : int
        Number of rows that they were learned from.

    Raises
    ------
    ValueError
        If there are many labels and they hardly repeat, as ids and measurements.

    Warns
    -----
    UserWarning
        If labels are probably no classes, or differ only in their Unicode form.
    """
    if codec.form == "vector":
        _check_repeated(codec, n_rows)
    doubled = _differ_in_form(codec.classes.tolist())
    if doubled:
        warn(
            f"y has labels that look the same but differ in their Unicode form: "
            f"{format_list(doubled)}. They are different classes unless you apply "
            "unicodedata.normalize('NFC', label) to all labels.",
        )


def _check_repeated(codec: LabelCodec, n_rows: int) -> None:
    is_float = codec.classes.dtype.kind == "f"
    fewest = _FEWEST_ROWS_OF_FLOATS if is_float else _FEWEST_ROWS
    if codec.n_classes > _MANY_CLASSES and n_rows < fewest * codec.n_classes:
        raise ValueError(
            invalid(
                "y",
                "class labels that repeat",
                f"{codec.n_classes} distinct labels of dtype {codec.classes.dtype} in {n_rows} "
                "rows",
                "Such labels are usually ids or measurements: pass the column of the classes, or "
                "bin the measurements. If they are classes, pass them as `classes`.",
            )
        )

    is_many = n_rows > _FEW_ROWS and codec.n_classes > round(0.5 * n_rows)
    if is_many or (is_float and codec.n_classes > _MANY_CLASSES):
        cure = "" if is_many else " If they are classes, convert them to integers."
        warn(
            f"y has {codec.n_classes} distinct labels of dtype {codec.classes.dtype} in {n_rows} "
            "rows. If they are measurements, bin them or use a regressor; if they are ids, pass "
            f"the column of the classes.{cure}"
        )


def _differ_in_form(labels: Iterable[Any]) -> list[str]:
    """Return the strings that are several labels, in different Unicode forms."""
    n_labels: dict[str, int] = {}
    for label in labels:
        if isinstance(label, str):
            composed = label if label.isascii() else unicodedata.normalize("NFC", label)
            n_labels[composed] = n_labels.get(composed, 0) + 1
    return [composed for composed, n in n_labels.items() if n > 1]
