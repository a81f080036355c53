"""Paths and labels of the images in a folder with a sub-folder for each class."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_multiclass._data.images.files import find_broken
from keras_multiclass._data.images.paths import EXTENSIONS, has_image_name, list_files
from keras_multiclass._shared.keras.environment import start_quietly
from keras_multiclass._shared.messages import (
    count_and_list,
    describe,
    did_you_mean,
    format_list,
    invalid,
    warn,
)

_BROKEN = ("error", "skip", None)
# Sub-folders of these names usually hold parts of the data instead of classes.
_PARTS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
_OTHER_FORMATS = frozenset(
    {".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2", ".jxl", ".jfif", ".pgm", ".ppm"}
)


def images_from_directory(
    folder: str | os.PathLike[str],
    *,
    classes: Sequence[str] | None = None,
    broken: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the images in a folder with a sub-folder for each class.

    The files are not read here, but by `fit` and `predict` of the classifiers, to which the paths
    are passed as X.

    Parameters
    ----------
    folder : str or os.PathLike
        The folder. Each sub-folder is a class, whose images are all files in it, and in folders
        below, with the extension .png, .jpg, .jpeg, .bmp or .gif, in upper or lower case. Other
        files, and files and folders whose names begin with a full stop, are left out.
    classes : list of str, default=None
        The sub-folders to use, each of which may also be a path such as ``"birds/owl"``; None for
        all.
    broken : {"error", "skip"} or None, default=None
        Whether to try to decode each file, which takes as long as reading them: ``"error"`` raises
        an error that names those that cannot be, ``"skip"`` leaves them out with a warning. None
        opens no files; `fit` raises an error then, before it trains.

    Returns
    -------
    paths : ndarray of str of shape (n_images,)
        The paths of the images, sorted by class and path. They begin with `folder`.
    labels : ndarray of str of shape (n_images,)
        The names of their sub-folders.

    Raises
    ------
    ValueError, TypeError
        If there is no such folder, it has fewer than two sub-folders and `classes` is None, or one
        of these contains no images.

    Warns
    -----
    UserWarning
        If files are left out that are images of another format, or that are in no sub-folder, or
        if the sub-folders seem to be parts of the data, such as ``train`` and ``test``.

    Examples
    --------
    >>> import tempfile
    >>> import tensorflow as tf
    >>> from keras_multiclass import images_from_directory
    >>> image = tf.io.encode_png(tf.zeros((8, 8, 3), tf.uint8))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat/1.png", "cat/2.png", "dog/1.png"):
    ...         tf.io.write_file(f"{folder}/{name}", image)
    ...     paths, labels = images_from_directory(folder)
    >>> paths.shape, labels
    ((3,), array(['cat', 'cat', 'dog'], dtype='<U3'))
    """
    if broken not in _BROKEN:
        raise ValueError(invalid("`broken`", f"one of {format_list(_BROKEN)}", describe(broken)))
    root = _check_folder(folder)
    chosen = _sub_folders(root) if classes is None else _check_classes(root, classes)
    found, others = {}, []
    for name in chosen:
        files = sorted(_files_below(os.path.join(root, name)))
        found[name] = [file for file in files if has_image_name(file)]
        others += [file for file in files if not has_image_name(file)]
    _check_found(root, found, others, given=classes is not None)
    paths = [path for name in chosen for path in found[name]]
    labels = np.repeat(np.array(list(chosen)), [len(found[name]) for name in chosen])
    if broken is None:
        return np.array(paths), labels
    kept = _without_broken(paths, labels, skip=broken == "skip")
    return np.array(paths)[kept], labels[kept]


def _check_folder(folder: object) -> str:
    what = "`folder`"
    if not isinstance(folder, (str, os.PathLike)):
        raise TypeError(invalid(what, "a string or an os.PathLike", describe(folder)))
    root = str(os.fsdecode(folder))
    if not os.path.isdir(root):
        got = f"{root!r}, which is a file" if os.path.exists(root) else f"{root!r}"
        cure = "" if os.path.isabs(root) else f"Relative paths are relative to {os.getcwd()!r}."
        raise ValueError(invalid(what, "a folder that exists", got, cure))
    return root


def _sub_folders(root: str) -> list[str]:
    with os.scandir(root) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    names = sorted(entry.name for entry in visible if entry.is_dir())
    loose = [e.name for e in visible if not e.is_dir() and has_image_name(e.name)]
    if len(names) < 2:
        got = f"{count_and_list(names, 'sub-folder')}" if names else "no sub-folders"
        raise ValueError(
            invalid(
                f"The folder {root!r}",
                "one with a sub-folder for each of at least two classes",
                f"{got} and {len(loose)} images beside",
                "To read one class, name it: classes=[...]. To predict images without labels, pass "
                "their paths: X = sorted(pathlib.Path(folder).glob('*.png')).",
            )
        )
    if loose:
        warn(
            f"{len(loose)} images in {root!r} are in none of its sub-folders, and left out: "
            f"{format_list(sorted(loose)[:3])}."
        )
    if {name.lower() for name in names} <= _PARTS:
        warn(
            f"The sub-folders of {root!r} are read as classes, but are named like parts of the "
            f"data ({format_list(names)}). If they are, read them one by one: "
            f"images_from_directory({os.path.join(root, names[0])!r})."
        )
    return names


def _check_classes(root: str, classes: object) -> list[str]:
    allowed = "a list of names of sub-folders"
    if isinstance(classes, str) or not isinstance(classes, (Sequence, np.ndarray)):
        raise TypeError(invalid("`classes`", allowed, describe(classes)))
    names: list[Any] = [
        str(os.fsdecode(name)) if isinstance(name, (str, os.PathLike)) else name for name in classes
    ]
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(invalid("`classes`", allowed, describe(classes)))
    if len(set(names)) < len(names):
        raise ValueError(invalid("`classes`", "different names of sub-folders", "repeated ones"))
    unknown = [name for name in names if not os.path.isdir(os.path.join(root, name))]
    if unknown:
        there = [e.name for e in os.scandir(root) if e.is_dir()]
        raise ValueError(
            invalid(
                "`classes`",
                f"names of sub-folders of {root!r}",
                f"the unknown {format_list(unknown)}",
                did_you_mean(unknown[0], there).strip(),
            )
        )
    return names


def _files_below(folder: str) -> Iterator[str]:
    """Yield all files that are not hidden; linked folders once."""
    seen: set[str] = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(parent, name) for name in files if not name.startswith("."))


def _check_found(root: str, found: dict[str, list[str]], others: list[str], *, given: bool) -> None:
    """Raise for classes without images, and warn of images of other formats."""
    extensions = Counter(os.path.splitext(path)[1].lower() for path in others)
    formats = Counter({name: n for name, n in extensions.items() if name in _OTHER_FORMATS})
    listed = ", ".join(f"{count} {name}" for name, count in formats.most_common())
    empty = [name for name, paths in found.items() if not paths]
    if empty:
        cure = "Leave them out of `classes`." if given else "Remove them, or name the others: "
        raise ValueError(
            invalid(
                f"Each sub-folder of {root!r}",
                f"one that contains images ({', '.join(EXTENSIONS)})",
                f"none in {count_and_list(empty, 'sub-folder')}"
                + (f", but other formats: {listed}" if listed else ""),
                cure if given else f"{cure}classes=[...].",
            )
        )
    if listed:
        warn(
            f"Images in {root!r} of formats that are not read are left out: {listed}. Save them as "
            "PNG or JPEG to use them."
        )


def _without_broken(paths: list[str], labels: np.ndarray, *, skip: bool) -> np.ndarray:
    """Return a mask of the files that can be decoded."""
    start_quietly()
    problems = find_broken(paths)
    kept = np.ones(len(paths), dtype=bool)
    kept[list(problems)] = False
    if not problems:
        return kept
    listed = f"{len(problems)} of {len(paths)} files: {list_files(problems, paths, None)}"
    if not skip:
        cure = "Replace or remove them, or leave them out with broken='skip'."
        raise ValueError(invalid("Each image", "one that can be read", listed, cure))
    left = set(labels[kept].tolist())
    lost = [name for name in dict.fromkeys(labels.tolist()) if name not in left]
    if lost:
        got = f"none in {count_and_list(lost, 'sub-folder')}"
        raise ValueError(invalid("Each sub-folder", "one with images that can be read", got))
    warn(f"Files that cannot be read are left out, {listed}.")
    return kept
