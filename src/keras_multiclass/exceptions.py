"""Errors and warnings of this package; all errors are ``ValueError`` as scikit-learn expects."""

from __future__ import annotations

__all__ = [
    "BackboneError",
    "DivergenceError",
    "EngineError",
    "ObjectiveError",
    "TrainingInterruptedWarning",
]


class BackboneError(ValueError):
    """A backbone or model builder cannot be used: unknown name, or an unusable result."""


class ObjectiveError(ValueError):
    """Labels, output layer and loss do not agree and cannot be reconciled."""


class DivergenceError(ValueError):
    """The training loss became NaN or infinite."""


class EngineError(ValueError):
    """The engine that was asked for cannot train this model on these data."""


class TrainingInterruptedWarning(UserWarning):
    """Training was stopped by the user; the epochs finished so far are kept."""
