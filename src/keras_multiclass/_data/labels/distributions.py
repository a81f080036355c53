"""Soft labels: the probability of each class in each row, instead of one class."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from keras_multiclass._shared.messages import invalid
from keras_multiclass._shared.typing import FloatArray

_ALLOWED = "labels, one-hot, or soft labels (numbers of at least 0 whose rows sum to one)"

# Allowed deviation of a sum from one; half precision stays within it.
_TOLERANCE = 1e-3

_SHARES = {
    "csr_matrix": "{0}.multiply(1 / {0}.sum(axis=1))",
    "csr_array": "{0}.multiply(1 / {0}.sum(axis=1)[:, None])",
    "pandas": "{0}.div({0}.sum(axis=1), axis=0)",
    "polars": "{0} / {0}.sum_horizontal()",
}
_LARGEST = {
    "csr_matrix": "{0}.toarray().argmax(axis=1)",
    "csr_array": "{0}.toarray().argmax(axis=1)",
    "pandas": "{0}.idxmax(axis=1)",
    "polars": "np.array({0}.columns)[{0}.to_numpy().argmax(axis=1)]",
}


def check_distributions(table: FloatArray, container: str, name: str) -> FloatArray:
    """Return soft labels, or raise ``ValueError`` unless each row is a distribution.

    Parameters
    ----------
    table : ndarray of float of shape (n_samples, n_classes)
        Numbers, none of them NaN.
    container : {"array", "csr_matrix", "csr_array", "pandas", "polars"}
        Type of the target.
    name : str
        Name of the target in error messages.

    Returns
    -------
    ndarray of float32 or float64 of shape (n_samples, n_classes)
        The rows; those in half precision are not rounded again.
    """
    if not np.isfinite(table).all():
        raise ValueError(
            f"Input {name} contains infinity or a value too large for dtype('{table.dtype}'). "
            "Soft labels must be finite: drop these rows."
        )
    n_negative = int(np.sum(table < 0))
    if n_negative:
        raise ValueError(
            invalid(
                name,
                _ALLOWED,
                f"{n_negative} negative values",
                f"Convert logits: scipy.special.softmax({name}, axis=1). For several targets, fit "
                "one classifier for each column: sklearn.multioutput.MultiOutputClassifier.",
            )
        )
    sums = table.sum(axis=1, dtype=np.float64)
    if np.any(np.abs(sums - 1) > _TOLERANCE):
        _raise_other_sums(sums, container, name)
    return table.astype(np.float64 if table.dtype.itemsize > 4 else np.float32, copy=False)


def _raise_other_sums(sums: FloatArray, container: str, name: str) -> NoReturn:
    n_zero, n_others = int(np.sum(sums == 0)), int(np.sum(np.abs(sums - 1) > _TOLERANCE))
    got = f"{n_others} of {len(sums)} rows with another sum"
    drop = ""
    if n_zero:
        got += f", {n_zero} of them without a positive value"
        drop = ", after dropping the rows without a positive value"
    raise ValueError(
        invalid(
            name,
            _ALLOWED,
            got,
            f"If each row has one class, normalize{drop}: {shares(container, name)}. If rows may "
            f"have several labels, use KerasMultilabelClassifier and zeros and ones, such as "
            f"{name} > 0.5.",
        )
    )


def shares(container: str, name: str) -> str:
    """Return an expression that divides each row of a table by its sum.

    Parameters
    ----------
    container : {"array", "csr_matrix", "csr_array", "pandas", "polars"}
        Type of the table.
    name : str
        Its name.
    """
    return _SHARES.get(container, "{0} / np.sum({0}, axis=1, keepdims=True)").format(name)


def most_likely(container: str, name: str) -> str:
    """Return an expression for the most likely classes of soft labels.

    Parameters
    ----------
    container : {"array", "csr_matrix", "csr_array", "pandas", "polars"}
        Type of the soft labels.
    name : str
        Their name.
    """
    return _LARGEST.get(container, "np.argmax({0}, axis=1)").format(name)
