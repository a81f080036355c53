"""For which models another optimizer can stand in, and the state of the model's own by its kind."""

from __future__ import annotations

from collections.abc import Sequence

import keras


def allows_stand_in(model: keras.Model) -> bool:
    """Whether nothing but the optimizer's own update rule changes the weights in a step.

    Parameters
    ----------
    model : keras.Model
        Compiled, with the variables of its optimizer.
    """
    optimizer, trainable = model.optimizer, model.trainable_variables
    return (
        optimizer.clipnorm is None
        and not optimizer.use_ema
        and not optimizer.gradient_accumulation_steps
        and not hasattr(optimizer, "_exclude_from_weight_decay")
        and type(model).train_step is keras.Model.train_step
        and len({variable.dtype for variable in trainable}) == 1
        and all(variable.constraint is None for variable in trainable)
        and not any(getattr(v, "overwrite_with_gradient", False) for v in trainable)
    )


def slots_of(
    optimizer: keras.optimizers.Optimizer, trainable: Sequence[keras.Variable]
) -> dict[str, list[keras.Variable]] | None:
    """Group the state of an optimizer by kind.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
        Built.
    trainable : sequence of keras.Variable
        The weights.

    Returns
    -------
    dict of str to list of keras.Variable, or None
        By kind (``"momentum"``, ``"velocity"``) the variables in the weights' order; None where
        they cannot be told apart.
    """
    remaining = [v for v in optimizer.variables if len(v.shape)]
    kinds: dict[str, dict[int, keras.Variable]] = {}
    for number, weight in enumerate(trainable):
        prefix = weight.path.replace("/", "_") + "_"
        for variable in [v for v in remaining if v.name.startswith(prefix)]:
            of_kind = kinds.setdefault(variable.name.removeprefix(prefix), {})
            if number not in of_kind:  # else it is of a later weight of the same name
                of_kind[number] = variable
                remaining = [v for v in remaining if v is not variable]
    if remaining or any(len(of_kind) != len(trainable) for of_kind in kinds.values()):
        return None
    return {kind: [found[n] for n in range(len(trainable))] for kind, found in kinds.items()}


def gradients_for(
    pairs: Sequence[tuple[object, keras.Variable]], trainable: Sequence[keras.Variable]
) -> list[object]:
    """Return the gradients in the weights' order; each must have one."""
    gradients = {id(variable): gradient for gradient, variable in pairs}
    if any(gradient is None for gradient in gradients.values()):
        raise NotImplementedError("a weight has no gradient")
    return [gradients[id(variable)] for variable in trainable]
