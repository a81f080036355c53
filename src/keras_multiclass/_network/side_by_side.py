"""Ensembles of networks trained together in one graph, each as if it were trained alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import ops

from keras_multiclass._network.layers.heads import repeat_for_members
from keras_multiclass._network.optimizers import acts_elementwise
from keras_multiclass._shared.keras.layer_tree import iterate_layers
from keras_multiclass._shared.keras.member_weights import largest_weights
from keras_multiclass._shared.messages import describe, invalid

__all__ = ["EnsembleNetwork", "as_model", "check_steps", "side_by_side"]


@keras.saving.register_keras_serializable(package="keras_multiclass")
class EnsembleNetwork(keras.Model):
    """An ensemble whose members are the models among its layers, or share stacked variables.

    Its loss is the mean of the members' losses, including regularization. The gradients are those
    of the sum, so that each member takes the same steps as if trained alone, with any optimizer, or
    if variables are shared with one that acts on each weight alone.

    Parameters
    ----------
    inputs, outputs : KerasTensor
        As in ``keras.Model``.
    **kwargs : dict
        As in ``keras.Model``.
    """

    @property
    def n_members(self) -> int:
        """Number of members."""
        return self._n_models or self.get_layer("logits").input.shape[1]

    @property
    def is_stacked(self) -> bool:
        """Whether members share variables."""
        return not self._n_models

    @property
    def _n_models(self) -> int:
        return sum(isinstance(layer, keras.Model) for layer in self.layers)

    @property
    def losses(self) -> list[Any]:
        """Regularization losses, divided by the number of members."""
        return [loss / self.n_members for loss in super().losses]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Compute the mean loss, with the gradients of the sum.

        Parameters
        ----------
        x, y, y_pred, sample_weight, **kwargs
            As in ``keras.Model.compute_loss``. Weights of shape ``(batch, n_ensemble)`` say how
            much rows count for each member.

        Returns
        -------
        tensor
            Scalar loss.
        """
        if sample_weight is not None and len(sample_weight.shape) == 2:
            if len(y_pred.shape) == 3:
                y, y_pred, sample_weight = self._rows_of_members(y, y_pred, sample_weight)
            else:
                sample_weight = largest_weights(sample_weight)
        loss = super().compute_loss(x, y, y_pred, sample_weight, **kwargs)
        total = self.n_members * loss
        return total + ops.stop_gradient(loss - total)

    def _rows_of_members(self, y: Any, logits: Any, weights: Any) -> tuple[Any, Any, Any]:
        """Return targets, logits and weights with a row for each member of each row."""
        n_members, units = logits.shape[1:]
        weights = repeat_for_members(weights, n_members)
        if getattr(self.loss, "reduction", None) == "sum":
            weights = weights / n_members
        else:  # Members count equally, however many rows of the batch they train on.
            weights = ops.divide_no_nan(weights, ops.sum(weights, axis=0, keepdims=True))
        return (
            ops.repeat(y, n_members, axis=0),
            ops.reshape(logits, (-1, units)),
            ops.reshape(weights, (-1,)),
        )

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Update the metrics with a batch, and return them.

        Parameters
        ----------
        x, y, y_pred, sample_weight
            As in ``keras.Model.compute_metrics``. Of weights of shape ``(batch, n_ensemble)``, the
            largest of each row counts.

        Returns
        -------
        dict
            The logs.
        """
        if sample_weight is not None and len(sample_weight.shape) == 2:
            sample_weight = largest_weights(sample_weight)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    compute_metrics.logs_like_keras = True  # type: ignore[attr-defined]


def check_steps(model: keras.Model) -> None:
    """Raise ``ValueError`` if members that share variables would not take the steps of their own.

    Parameters
    ----------
    model : keras.Model
        Compiled; it may be an ensemble.
    """
    if not (isinstance(model, EnsembleNetwork) and model.is_stacked):
        return
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # of loss scaling
    if not acts_elementwise(optimizer, {}):
        raise ValueError(
            invalid(
                "The optimizer of `model_`",
                "one that moves each weight by its own gradient alone, without clipnorm, because "
                "the members of this ensemble were built with shared variables",
                describe(optimizer),
                "Call fit with warm_start=False to build separate members.",
            )
        )


def side_by_side(
    build: Callable[[Any, Mapping[str, Any]], Any],
    x: Any,
    provided: Mapping[str, Any],
    n_members: int,
) -> Any:
    """Build ensemble members on the same inputs.

    Each is a separate model, so that layers of different members may have equal names.

    Parameters
    ----------
    build : callable
        ``build(x, provided)`` returns logits of rank 2, or of rank 3 with members as the second
        axis.
    x : KerasTensor
        The inputs.
    provided : mapping
        Further arguments of the builder, which may include tensors.
    n_members : int
        Number of members.

    Returns
    -------
    KerasTensor of shape (batch, n_members, n_classes)
        The members' logits.
    """
    outputs = []
    for number in range(n_members):
        member, read = as_model(build, x, provided, f"member{number}")
        if number:
            _reseed(member)
        outputs.append(member(read))
    return (ops.stack if len(outputs[0].shape) == 2 else ops.concatenate)(outputs, axis=1)


def as_model(
    build: Callable[[Any, Mapping[str, Any]], Any], x: Any, provided: Mapping[str, Any], name: str
) -> tuple[keras.Model, Any]:
    """Build a part of a network as a model of its own, whose layers may have any names.

    Parameters
    ----------
    build : callable
        ``build(x, provided)`` returns a tensor.
    x : KerasTensor
        The input.
    provided : mapping
        Further arguments of the builder, which may include tensors.
    name : str
        Name of the model.

    Returns
    -------
    model : keras.Model
        The model.
    inputs : KerasTensor or list of KerasTensor
        What to call it with.
    """
    others = {name: t for name, t in provided.items() if keras.backend.is_keras_tensor(t)}
    first, *rest = (keras.Input(t.shape[1:], dtype=t.dtype) for t in (x, *others.values()))
    output = build(first, {**provided, **dict(zip(others, rest, strict=True))})
    model = keras.Model([first, *rest] if rest else first, output, name=name)
    return model, [x, *others.values()] if rest else x


def _reseed(member: keras.Model) -> None:
    """Reseed a member, so that copied or seeded layers draw other numbers than in the first."""
    for layer in iterate_layers(member):
        for value in vars(layer).values():
            if isinstance(value, keras.random.SeedGenerator):
                value.state.assign([random.randrange(2**31), 0])
