"""Paths of image files as X: told from texts, and read as strings."""

from __future__ import annotations

import os
import re
from typing import Any, NoReturn

import numpy as np
from scipy import sparse

from keras_multiclass._data.frames import is_missing, library_of_frame
from keras_multiclass._shared.messages import describe, format_list, invalid, printable, warn

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
_LONGEST_EXTENSION = max(map(len, EXTENSIONS))
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_MOST_NAMED = 3
_PATHS = (str, bytes, os.PathLike)
_ALLOWED = "a 1-d array, list or series of paths of image files"


def has_image_name(name: str) -> bool:
    """Whether the name of a file ends like that of an image, in upper or lower case.

    Parameters
    ----------
    name : str
        The name, or a path.
    """
    return name[-_LONGEST_EXTENSION:].lower().endswith(EXTENSIONS)


def are_paths(X: Any) -> bool:
    """Whether X holds paths of image files.

    It does if any item is an ``os.PathLike``, or if all of them are strings that end like the name
    of an image file; missing ones do not count.

    Parameters
    ----------
    X : object
        The user's X.
    """
    cells = _cells_of(X)
    if not cells or not isinstance(_first(cells), _PATHS):
        return False
    if any(issubclass(kind, os.PathLike) for kind in set(map(type, cells))):
        return True
    return all(_is_image_name(cell) for cell in cells if not is_missing(cell))


def are_strings_or_paths(X: Any) -> bool:
    """Whether X holds strings or paths, whatever their names, or nothing.

    Parameters
    ----------
    X : object
        The user's X.
    """
    cells = _cells_of(X)
    if cells is None:
        return False
    return not len(cells) or isinstance(_first(cells), _PATHS)


def read_paths(X: Any) -> list[str]:
    """Return paths as strings.

    Parameters
    ----------
    X : object
        The user's X, see `are_paths`.

    Raises
    ------
    ValueError, TypeError
        If an item is missing, no path, or the address of a file elsewhere.
    """
    cells = _cells_of(X)
    if cells is None:
        raise TypeError(invalid("X", f"{_ALLOWED}, as in fit", describe(X)))
    if not len(cells):
        raise ValueError(
            f"Found array with 0 sample(s) while a minimum of 1 is required: {describe(X)}."
        )
    missing = [i for i, cell in enumerate(cells) if is_missing(cell)]
    if missing:
        raise ValueError(
            f"Paths in X must not be missing; got {len(missing)} of {len(cells)} missing (the "
            f"first is X[{missing[0]}]). Drop these rows."
        )
    others = [i for i, cell in enumerate(cells) if not isinstance(cell, _PATHS)]
    if others:
        kinds = format_list(sorted({type(cells[i]).__name__ for i in others}))
        raise TypeError(
            invalid(
                "Each path in X",
                "a string or an os.PathLike",
                f"{len(others)} of {len(cells)} of type {kinds} (the first is X[{others[0]}])",
            )
        )
    paths = [str(os.fsdecode(cell)) for cell in cells]  # rather than of NumPy
    remote = next((i for i, path in enumerate(paths) if _REMOTE.match(path)), None)
    if remote is not None:
        raise ValueError(
            invalid(
                "Each path in X",
                "that of a local file",
                f"an address, X[{remote}] {printable(repr(paths[remote]))}",
                "Download the files first.",
            )
        )
    return paths


def refuse_one_path(X: Any) -> None:
    """Raise ``TypeError`` if X is a path instead of an array of paths.

    Parameters
    ----------
    X : object
        The user's X.
    """
    if isinstance(X, os.PathLike) or (isinstance(X, str) and (has_image_name(X) or _is_folder(X))):
        _refuse_one(X)


def warn_of_image_names(X: Any) -> None:
    """Warn if most of the texts in X end like names of image files, which are not read.

    Parameters
    ----------
    X : object
        Texts.
    """
    cells = _cells_of(X) or []
    n_names = sum(map(_is_image_name, cells))
    if 2 * n_names > len(cells):
        warn(
            f"X is read as texts, although {n_names} of its {len(cells)} strings end like names of "
            "image files. To read the files, pass paths: X = [pathlib.Path(x) for x in X]."
        )


def list_files(problems: dict[int, str], paths: list[str], first: int | None = 0) -> str:
    """Name the first few files that cannot be used, and why.

    Parameters
    ----------
    problems : dict of int to str
        What is wrong, by position.
    paths : list of str
        All paths.
    first : int or None, default=0
        What is added to positions; None to leave them out.
    """
    shown = [
        ("" if first is None else f"X[{first + i}] ") + f"{printable(repr(paths[i]))} {problem}"
        for i, problem in list(problems.items())[:_MOST_NAMED]
    ]
    return "; ".join(shown) + "; ..." * (len(problems) > len(shown))


def _is_image_name(cell: object) -> bool:
    return isinstance(cell, (str, bytes)) and has_image_name(os.fsdecode(cell))


def _is_folder(path: str) -> bool:
    try:
        return os.path.isdir(path)
    except ValueError:  # a null character
        return False


def _refuse_one(X: Any) -> NoReturn:
    folder = _is_folder(os.fsdecode(X))
    cure = "For a single image, pass [X]; for an iterator over paths, list(X)."
    if folder:
        cure = (
            "For a folder with a sub-folder for each class: "
            "X, y = keras_multiclass.images_from_directory(X)."
        )
    raise TypeError(
        invalid("X", _ALLOWED, f"the path of one {'folder' if folder else 'file'}", cure)
    )


def _cells_of(X: Any) -> Any:
    """Return the items of a list, a 1-d container, or an array of one column; None for others."""
    if hasattr(X, "to_pylist") and not hasattr(X, "columns"):
        return X.to_pylist()
    if isinstance(X, (list, tuple)):
        return X
    shape = getattr(X, "shape", None)
    if shape is None or library_of_frame(X) or sparse.issparse(X):
        return None
    if len(shape) != 1 + (tuple(shape[1:]) == (1,)):
        return None
    if getattr(getattr(X, "dtype", None), "kind", "O") not in "OUTS":
        return None
    return np.asarray(X, dtype=object).ravel().tolist()


def _first(cells: Any) -> Any:
    """Return the first item that is not missing."""
    return next((cell for cell in cells if not is_missing(cell)), None)
