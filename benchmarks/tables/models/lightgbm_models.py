"""LightGBM, which takes raw tables."""

from __future__ import annotations

from typing import Any

from lightgbm import LGBMClassifier


def build(name: str, options: dict[str, Any], seed: int) -> Any:
    return LGBMClassifier(**{"random_state": seed, "verbosity": -1, **options})
