"""Containers of other libraries that hold features, but that NumPy cannot read as rows of numbers.

They are recognized by the modules that define them, none of which is imported here.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from keras_multiclass._shared.messages import describe, invalid

_ALLOWED = "one array, data frame or sparse matrix"
_LOADER = (
    "Pass a stream of batches: torch.utils.data.DataLoader(X, batch_size=64), without y if the "
    "dataset has the labels."
)
_TRY = "try"  # whether NumPy can read it
_COMPUTE = "Load it into memory: X.compute()."


class _Foreign(NamedTuple):
    """A class, by the start of the module that defines it and by its name; None for all."""

    module: str
    name: str | None
    cure: str


_FOREIGN = (
    _Foreign("tensorflow", "SparseTensor", "Convert it: tf.sparse.to_dense(X).numpy()."),
    _Foreign("jax.experimental.sparse", None, "Convert it: np.asarray(X.todense())."),
    _Foreign("torch.utils.data", "Dataset", _LOADER),
    _Foreign("datasets", "DatasetDict", "Pass one of its splits, for example X['train']."),
    _Foreign("dask", "Series", _COMPUTE),
    _Foreign("dask", "Bag", _COMPUTE),
    _Foreign("xarray", "Dataset", "Convert it: X.to_dataframe(), or X.to_array() for one array."),
)


def check_container(X: Any) -> None:
    """Raise for a container of another library that cannot be read, and say how to convert it.

    Parameters
    ----------
    X : object
        The user's X.

    Raises
    ------
    TypeError
        If X is one of these containers, or a tensor that NumPy cannot read.
    """
    cure = _cure_for(type(X))  # type: ignore[arg-type]
    if cure == _TRY:
        _check_torch(X)
    elif cure:
        raise TypeError(invalid("X", _ALLOWED, describe(X), cure))


@functools.lru_cache(maxsize=256)
def _cure_for(cls: type) -> str:
    for base in cls.__mro__[:-1]:
        for module, name, cure in _FOREIGN:
            if f"{base.__module__}.".startswith(f"{module}.") and name in (None, base.__name__):
                return cure
    return _TRY if any(base.__module__.partition(".")[0] == "torch" for base in cls.__mro__) else ""


def _check_torch(X: Any) -> None:
    if not hasattr(X, "__array__"):
        return
    try:
        np.asarray(X)
    except (TypeError, RuntimeError):  # bfloat16, another device, gradients, a sparse layout
        sparse = "to_dense()." if "sparse" in str(getattr(X, "layout", "")) else ""
        raise TypeError(
            invalid(
                "X",
                "a tensor that NumPy can read",
                describe(X),
                f"Convert it: X.detach().cpu().{sparse}float().numpy().",
            )
        ) from None
