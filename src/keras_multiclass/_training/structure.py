"""The parameters that determine a network, which further training cannot change."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from keras_multiclass._network.compile import same
from keras_multiclass._shared.messages import describe
from keras_multiclass._training.fit_parameters import FitParameters

_OWN = (
    "backbone",
    "model",
    "preset",
    "scaling",
    "categorical_features",
    "text_features",
    "layout",
    "image_size",
    "augmentation",
    "text_vectorizer",
    "n_ensemble",
    "dtype",
)
_ROUTED = ("backbone__", "model__", "text_vectorizer__")
_UNSET = "unset"
_LONGEST = 60


def structure_of(parameters: FitParameters) -> dict[str, object]:
    """Return the parameters that determine a network, by full name."""
    return {
        name: value
        for name, value in parameters.values.items()
        if name in _OWN or name.startswith(_ROUTED)
    }


def check_unchanged(
    before: Mapping[str, object],
    resolved: Mapping[str, object],
    parameters: FitParameters,
) -> None:
    """Raise if a parameter that determines the network is not what it was built with.

    Parameters
    ----------
    before : mapping of str to object
        What `structure_of` returned for the fit that built the network.
    resolved : mapping of str to object
        What parameters at ``"auto"`` were resolved to; these values are allowed, too.
    parameters : FitParameters
        The present parameters.

    Raises
    ------
    ValueError
        Names all changed parameters.
    """
    now = structure_of(parameters)
    changed = [
        name
        for name in {**before, **now}
        if not _equal(before.get(name, _UNSET), now.get(name, _UNSET))
        and not (name in resolved and _equal(resolved[name], now.get(name)))
    ]
    if not changed:
        return
    lines = [
        f"`{name}` must stay {_show(before.get(name, _UNSET))} once the network exists; got "
        f"{_show(now.get(name, _UNSET))}."
        for name in changed
    ]
    # Nothing unsets a routed parameter.
    them = "it" if len(changed) == 1 else "them"
    undo = f"Set {them} back, or call" if before.keys() >= set(changed) else "Call"
    cure = f"{undo} fit with warm_start=False to build a new network."
    raise ValueError("\n".join([*lines[:-1], f"{lines[-1]} {cure}"]))


def _equal(first: object, second: object) -> bool:
    arrays = isinstance(first, np.ndarray) or isinstance(second, np.ndarray)
    if arrays:
        return np.array_equal(np.asarray(first), np.asarray(second))
    return same(first, second)


def _show(value: object) -> str:
    if value is _UNSET:
        return _UNSET
    is_short = isinstance(value, (list, tuple)) and len(repr(value)) <= _LONGEST
    return repr(value) if is_short else describe(value)
