"""The request made by one call of `fit`, `partial_fit` or `initialize`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class FitRequest:
    """The data of one run, and what to do with it."""

    X: object
    y: object = None
    sample_weight: object = None
    X_val: object = None
    y_val: object = None
    sample_weight_val: object = None
    groups: object = None
    classes: object = None
    task: Literal["fit", "partial_fit", "initialize"] = "fit"
    resume: bool = False
    has_whole_validation: bool = False  # in a tuple, which meta-estimators do not cut
    keeps_interrupted: bool = False  # the epochs trained so far

    @property
    def min_classes(self) -> int:
        """Number of classes that must have rows."""
        return 2 if self.task == "fit" and not self.resume and self.classes is None else 1
