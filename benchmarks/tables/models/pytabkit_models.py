"""The authors' implementations of RealMLP and TabM in pytabkit, with their tuned defaults.

They accept categories, but no missing numbers.
"""

from __future__ import annotations

from typing import Any

import pytabkit
from sklearn.pipeline import make_pipeline

from ...accuracy.preprocessing import impute_numbers


def build(name: str, options: dict[str, Any], seed: int) -> Any:
    parameters = {"random_state": seed, "device": "cpu", **options}
    return make_pipeline(impute_numbers(), getattr(pytabkit, name)(**parameters))
