"""Carry over which variables an optimizer excludes from weight decay.

Keras keeps the exclusion neither in configurations nor in pickles and deep copies.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from keras_multiclass._shared.upstream.keras_optimizers import (
    WeightDecayExclusion,
    weight_decay_exclusion,
)


def read_exclusions(optimizer: keras.optimizers.Optimizer) -> list[WeightDecayExclusion]:
    """Return the exclusion of an optimizer and of each optimizer inside it."""
    return [weight_decay_exclusion(each) for each in (optimizer, *_inner_optimizers(optimizer))]


def read_patterns(optimizer: keras.optimizers.Optimizer, what: str) -> list[str | None]:
    """Return the exclusions of an optimizer and those inside it, as patterns of variable names.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
        The optimizer to read from.
    what : str
        Name of the parameter in error messages.

    Raises
    ------
    ValueError
        If variables were excluded one by one.
    """
    exclusions = read_exclusions(optimizer)
    if any(exclusion.variable_keys for exclusion in exclusions):
        raise ValueError(
            f"{what}: variables must be excluded from weight decay by name, because each fit "
            "trains a new network; got exclude_from_weight_decay(var_list=...). Use "
            "exclude_from_weight_decay(var_names=['bias'])."
        )
    return [exclusion.pattern for exclusion in exclusions]


def apply_patterns(
    optimizer: keras.optimizers.Optimizer, patterns: Sequence[str | None], what: str
) -> None:
    """Exclude variables from weight decay, with what `read_patterns` returned for the original."""
    optimizers = [optimizer, *_inner_optimizers(optimizer)]
    if len(optimizers) > len(patterns) and any(pattern is not None for pattern in patterns):
        raise ValueError(
            f"{what}: each entry of an OptimizerMap must be an optimizer of its own if one "
            f"excludes variables from weight decay; got {len(patterns) - 1} optimizers for "
            f"{len(optimizers) - 1} entries."
        )
    # A MultiOptimizer with a function has no inner optimizers before it is built.
    for each, pattern in zip(optimizers, patterns, strict=False):
        if pattern is not None:
            each.exclude_from_weight_decay(var_names=[pattern])


def _inner_optimizers(optimizer: keras.optimizers.Optimizer) -> list[keras.optimizers.Optimizer]:
    """List the optimizers inside a ``LossScaleOptimizer`` or ``MultiOptimizer``."""
    inner = getattr(optimizer, "inner_optimizer", None)
    return list(getattr(optimizer, "optimizers", ())) if inner is None else [inner]
