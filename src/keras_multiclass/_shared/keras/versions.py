"""The versions of Keras and its backend that saved a classifier, named if loading it fails."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping

import keras

__all__ = ["current_versions", "naming_versions"]


def current_versions() -> dict[str, str]:
    """Return the versions of Keras and its backend by the names of their packages."""
    name = keras.backend.backend()
    version = getattr(sys.modules.get(name), "__version__", None)
    return {"keras": keras.__version__, **({} if version is None else {name: version})}


@contextlib.contextmanager
def naming_versions(saved: Mapping[str, str]) -> Iterator[None]:
    """Let errors name the versions that saved a classifier, if they are not those installed.

    Parameters
    ----------
    saved : mapping of str to str
        What `current_versions` returned when the classifier was saved.
    """
    try:
        yield
    except Exception as error:
        current = current_versions()
        if not saved or dict(saved) == current:
            raise
        pinned = " ".join(f"{name}=={version}" for name, version in saved.items())
        raise ValueError(
            f"A classifier must be loaded with versions of Keras that can rebuild its network; "
            f"got one saved with {_listed(saved)}, which {_listed(current)} cannot load. "
            f"Load it with those versions (pip install {pinned}), or fit it again with these. "
            f"{type(error).__name__}: {error}"
        ) from error


def _listed(versions: Mapping[str, str]) -> str:
    return " and ".join(f"{name} {version}" for name, version in versions.items())
