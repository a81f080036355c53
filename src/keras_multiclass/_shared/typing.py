"""Type aliases shared by the modules of this package."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

ArrayLike: TypeAlias = Any
"""Anything that scikit-learn accepts as an array: arrays, lists, data frames, sparse matrices."""

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IndexArray: TypeAlias = NDArray[np.integer[Any]]
History: TypeAlias = dict[str, list[Any]]
