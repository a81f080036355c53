"""Type aliases shared by the modules of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

if TYPE_CHECKING:
    from keras_multiclass._memory_map import MemoryMap

ArrayLike: TypeAlias = Any
"""Whatever scikit-learn takes as an array: arrays, lists, data frames, sparse matrices."""

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IndexArray: TypeAlias = NDArray[np.integer[Any]]
Features: TypeAlias = "NDArray[Any] | scipy.sparse.csr_matrix | scipy.sparse.csr_array | MemoryMap"
History: TypeAlias = dict[str, list[Any]]
