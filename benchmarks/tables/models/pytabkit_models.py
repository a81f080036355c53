"""RealMLP and TabM as their authors publish them, with their tuned defaults, in pytabkit.

They take categories as they are, but no gaps in numbers.
"""

from __future__ import annotations

from typing import Any

import pytabkit
from sklearn.pipeline import make_pipeline

from .preparation import no_gaps


def build(name: str, options: dict[str, Any], seed: int) -> Any:
    parameters = {"random_state": seed, "device": "cpu", **options}
    return make_pipeline(no_gaps(), getattr(pytabkit, name)(**parameters))
