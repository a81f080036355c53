"""The slots of Keras optimizers, and which variables they treat differently."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras

UNDOCUMENTED = {
    "_exclude_from_weight_decay": (
        "whether weight decay excludes some variables",
        "optimizers with weight decay update each variable on its own",
    ),
    "_exclude_from_weight_decay_pattern": (
        "names of the variables excluded from weight decay, for copies of an optimizer",
        "instances of optimizers with weight decay are rejected",
    ),
    "overwrite_with_gradient": (
        "whether a gradient replaces its variable",
        "it never does: only versions of Keras with this name have such variables",
    ),
    "names of slots": (
        "the weight of each slot of an optimizer: its path, then the kind of slot",
        "optimizers update each variable on its own",
    ),
}


# The attributes in which an optimizer has what is excluded.
WEIGHT_DECAY_EXCLUSIONS = frozenset(
    {"_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern"}
)


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


def weight_decay_exclusion(optimizer: keras.optimizers.Optimizer) -> WeightDecayExclusion:
    """Return what ``optimizer.exclude_from_weight_decay`` was called with.

    Keras has no public way to read it back, and ``get_config`` leaves it out.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
        The optimizer to read from.

    Raises
    ------
    ValueError
        If the optimizer has weight decay, and this version of Keras keeps the exclusion elsewhere.
    """
    if optimizer.weight_decay and not _knows_exclusions():
        raise ValueError(
            "An optimizer with weight decay must be passed by name or class; got an instance of "
            f"{type(optimizer).__name__}, and this version of Keras does not say which variables "
            "it excludes from weight decay. Pass the class, and its arguments as optimizer__*."
        )
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    keys = getattr(optimizer, "_exclude_from_weight_decay", ())
    return WeightDecayExclusion(None if pattern is None else pattern.pattern, frozenset(keys))


def may_spare_from_decay(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether an optimizer may decay some variables and not others."""
    if not optimizer.weight_decay:
        return False
    return hasattr(optimizer, "_exclude_from_weight_decay") or not _knows_exclusions()


@functools.cache
def _knows_exclusions() -> bool:
    with_exclusions = keras.optimizers.SGD()
    with_exclusions.exclude_from_weight_decay(var_names=["bias"])
    return hasattr(with_exclusions, "_exclude_from_weight_decay") and hasattr(
        with_exclusions, "_exclude_from_weight_decay_pattern"
    )


def replaces_by_gradient(variable: keras.Variable) -> bool:
    """Whether an optimizer assigns the gradient to a variable instead of stepping along it."""
    return bool(getattr(variable, "overwrite_with_gradient", False))


def slots_of(
    optimizer: keras.optimizers.Optimizer, trainable: Sequence[keras.Variable]
) -> dict[str, list[keras.Variable]] | None:
    """Group the slots of an optimizer by kind.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
        Built.
    trainable : sequence of keras.Variable
        The weights.

    Returns
    -------
    dict of str to list of keras.Variable, or None
        For each kind (``"momentum"``, ``"velocity"``) the slots in the order of the weights; None
        if the names do not identify them.
    """
    remaining = [v for v in optimizer.variables if len(v.shape)]
    kinds: dict[str, dict[int, keras.Variable]] = {}
    for number, weight in enumerate(trainable):
        prefix = weight.path.replace("/", "_") + "_"
        for variable in [v for v in remaining if v.name.startswith(prefix)]:
            of_kind = kinds.setdefault(variable.name.removeprefix(prefix), {})
            if number not in of_kind:  # otherwise it belongs to a later weight of the same name
                of_kind[number] = variable
                remaining = [v for v in remaining if v is not variable]
    if remaining or any(len(of_kind) != len(trainable) for of_kind in kinds.values()):
        return None
    return {kind: [slots[n] for n in range(len(trainable))] for kind, slots in kinds.items()}
