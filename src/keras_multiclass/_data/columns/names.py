"""Names of the columns of data frames that are not all strings, compared with those of `fit`.

scikit-learn compares names that are all strings, and ignores all others.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, TypeAlias

from keras_multiclass._data.frames import MISSING_TYPES, library_of_frame
from keras_multiclass._shared.messages import invalid, list_differences, warn

Names: TypeAlias = tuple[Hashable, ...]


def names_of(X: Any) -> Names | None:
    """Return the column names of a data frame; None for anything else.

    Parameters
    ----------
    X : object
        The user's X.

    Returns
    -------
    tuple or None
        A missing name is None.
    """
    return None if library_of_frame(X) is None else tuple(map(_comparable, X.columns))


def _comparable(name: Hashable) -> Hashable:
    """Return a name as it is, but a missing one, which may not equal itself, as None."""
    if isinstance(name, tuple):
        return tuple(map(_comparable, name))
    return None if type(name).__name__ in MISSING_TYPES or name != name else name


def check_names(X: Any, fitted: Names | None, estimator_name: str) -> None:
    """Compare the column names of X with those of `fit`, unless scikit-learn does.

    Parameters
    ----------
    X : object
        The user's X.
    fitted : tuple or None
        The names in `fit`; None if X had none.
    estimator_name : str
        Name of the estimator in scikit-learn's messages.

    Raises
    ------
    ValueError
        If X and the data of `fit` are frames with different names. Names 0, 1, ..., which pandas
        gives to columns without names, are compared only with other numbers.
    """
    given = names_of(X)
    if given == fitted or (_are_strings(given) and _are_strings(fitted)):
        return
    if _are_compared(given, fitted):
        assert given is not None and fitted is not None  # noqa: PT018
        _raise_different(given, fitted)
    elif is_named(fitted) and not _are_strings(fitted):
        warn(
            f"X does not have valid feature names, but {estimator_name} was fitted with feature "
            "names",
        )
    elif is_named(given) and not _are_strings(given):
        warn(
            f"X has feature names, but {estimator_name} was fitted without feature names",
        )


def _are_compared(given: Names | None, fitted: Names | None) -> bool:
    if given is None or fitted is None:
        return False
    if is_named(fitted):
        return is_named(given)
    return not _are_strings(given)  # the fitted names are numbers; scikit-learn warns of strings


def is_named(names: Names | None) -> bool:
    """Return whether these names differ from 0, 1, ..., which pandas gives to unnamed columns.

    Parameters
    ----------
    names : tuple or None
        Names of columns; None for no names.
    """
    return names is not None and names != tuple(range(len(names)))


def _are_strings(names: Names | None) -> bool:
    return names is not None and all(isinstance(name, str) for name in names)


def _raise_different(given: Names, fitted: Names) -> None:
    raise ValueError(
        invalid(
            "The column names of X",
            "those of fit, in the same order",
            list_differences(given, fitted, "name") or "the same names in another order",
            "Select the columns of the frame passed to fit, for example X[X_train.columns].",
        )
    )
