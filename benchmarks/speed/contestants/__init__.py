"""Who is compared.

To add a contestant, write a module beside this one that defines ``CONTESTANT`` (see `Contestant`)
and give it a line in ``ENTRIES``. Modules are imported only when their contestant is about to run,
so that they may import their package at the top, and one that is not installed is left out.
"""

from __future__ import annotations

from importlib import import_module, util
from typing import NamedTuple

from .base import Contestant, Network

__all__ = ["OURS", "Contestant", "Network", "available", "load", "load_available"]

OURS = "keras-multiclass"


class Entry(NamedTuple):
    """Name in the tables, module here, and the package that must be installed."""

    name: str
    module: str
    package: str


ENTRIES = (
    Entry(OURS, "ours", "keras_multiclass"),
    Entry("SciKeras", "scikeras_classifier", "scikeras"),
    Entry("SKLearnClassifier", "keras_classifier", "keras"),
    Entry("MLPClassifier", "sklearn_classifier", "sklearn"),
    Entry("skorch", "skorch_classifier", "skorch"),
)


def available() -> list[str]:
    """List the contestants that are installed, without importing them; ours comes first."""
    return [entry.name for entry in ENTRIES if util.find_spec(entry.package)]


def load(name: str) -> Contestant:
    """Import one contestant."""
    module = next(entry.module for entry in ENTRIES if entry.name == name)
    return import_module(f".{module}", __name__).CONTESTANT


def load_available() -> dict[str, Contestant]:
    """Import all contestants that are installed."""
    return {name: load(name) for name in available()}
