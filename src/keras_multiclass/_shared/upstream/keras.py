"""Private names of Keras, each with the reason and what happens if Keras renames it."""

from __future__ import annotations

from typing import Any, NamedTuple


class WeightDecayExclusion(NamedTuple):
    """Variables that an optimizer does not decay.

    Attributes
    ----------
    pattern : str or None
        Regular expression found in the names of excluded variables.
    variable_keys : frozenset
        Keys of the variables that were excluded one by one.
    """

    pattern: str | None
    variable_keys: frozenset[Any]


def weight_decay_exclusion(optimizer: Any) -> WeightDecayExclusion:
    """Return what ``optimizer.exclude_from_weight_decay`` was called with.

    Keras offers no way to read it back, and ``get_config`` leaves it out. If the attributes are
    renamed, nothing is found, copies of an optimizer decay every variable, and tests of copies
    fail.
    """
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    keys = getattr(optimizer, "_exclude_from_weight_decay", ())
    return WeightDecayExclusion(None if pattern is None else pattern.pattern, frozenset(keys))


def wrapped_arguments(instance: Any) -> dict[str, Any]:
    """Return the arguments that a loss or metric passes on to the function it wraps.

    Some classes leave theirs out of ``get_config``, such as ``axis`` of ``CosineSimilarity``. If
    the attribute is renamed, nothing is found, copies take the defaults, and tests of copies fail.
    """
    return dict(getattr(instance, "_fn_kwargs", {}))
