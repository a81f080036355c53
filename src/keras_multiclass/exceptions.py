"""Errors and warnings; all errors are subclasses of ``ValueError``, as scikit-learn expects."""

from __future__ import annotations

__all__ = [
    "BackboneError",
    "DivergenceError",
    "EngineError",
    "ObjectiveError",
    "TrainingInterruptedWarning",
]


class BackboneError(ValueError):
    """A backbone or model builder has an unknown name or returns an invalid result."""


class ObjectiveError(ValueError):
    """Labels, output layer, loss or metrics are incompatible."""


class DivergenceError(ValueError):
    """The training loss became NaN or infinite."""


class EngineError(ValueError):
    """The requested engine cannot train this model on these data."""


class TrainingInterruptedWarning(UserWarning):
    """The user interrupted `fit`; the epochs completed so far are kept."""
