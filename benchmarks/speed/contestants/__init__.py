"""The packages that are compared.

To add a contestant, write a module in this folder that defines ``CONTESTANT`` (see `Contestant`)
and add it to ``ENTRIES``. Modules are imported only when their contestant runs, so they may import
their package at the top. Contestants whose package is not installed are skipped.
"""

from __future__ import annotations

from importlib import import_module, util
from typing import NamedTuple

from .base import Contestant, Network

__all__ = ["OURS", "Contestant", "Network", "available", "load", "load_available"]

OURS = "keras-multiclass"


class Entry(NamedTuple):
    """Name in the tables, module in this folder, and required package."""

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
    """List the installed contestants, ours first, without importing them."""
    return [entry.name for entry in ENTRIES if util.find_spec(entry.package)]


def load(name: str) -> Contestant:
    """Import one contestant."""
    module = next(entry.module for entry in ENTRIES if entry.name == name)
    return import_module(f".{module}", __name__).CONTESTANT


def load_available() -> dict[str, Contestant]:
    """Import all installed contestants."""
    return {name: load(name) for name in available()}
