"""What the user's own model was compiled with, taken over where the estimator leaves it open."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import keras

from keras_multiclass._interop.scikeras import InheritedOptimizer
from keras_multiclass._network.compile import (
    CompileArguments,
    build_optimizer,
    takes_compile_arguments,
)
from keras_multiclass._shared.keras.lookup import loss_lookup
from keras_multiclass._shared.keras.objects import build_object
from keras_multiclass._shared.keras.routing import is_config
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass._shared.upstream.keras_training import compile_arguments_of
from keras_multiclass.exceptions import BackboneError

_PLACE = "the model's own `compile`"


def build_compile_kwargs(
    compile_arguments: CompileArguments, automatic_loss: str
) -> dict[str, Any]:
    """Build a builder's ``compile_kwargs``; the model is compiled again once its output is known.

    Parameters
    ----------
    compile_arguments : mapping
        Optimizer, loss, metrics and their arguments, under the names of `CompileSpec`.
    automatic_loss : str
        Keras' name of the loss that ``"auto"`` stands for.

    Returns
    -------
    dict
        Arguments of `keras.Model.compile`.
    """
    loss = compile_arguments["loss"]
    if isinstance(loss, str):
        loss = automatic_loss if loss == "auto" else loss
    else:
        loss = build_object(
            loss,
            compile_arguments["loss_arguments"],
            lookup=loss_lookup,
            what="loss",
            base=keras.losses.Loss,
            functions=True,
        )
    metrics = compile_arguments["metrics"]
    if metrics is not None and not isinstance(metrics, (list, tuple, dict)):
        metrics = [metrics]
    return {
        "optimizer": build_optimizer(
            compile_arguments["optimizer"], compile_arguments["optimizer_arguments"]
        ),
        "loss": loss,
        "metrics": metrics,
        **compile_arguments["options"],
    }


def adopt_compiled(
    compile_arguments: CompileArguments,
    compiled: keras.Model,
    compile_kwargs: Mapping[str, Any],
    *,
    open_optimizer: bool,
) -> CompileArguments:
    """Fill in, from the user's own ``compile`` call, what the estimator's parameters leave open.

    A loss, optimizer or metrics set on the estimator take precedence, and so do routed arguments,
    which are applied to the builder's optimizer and loss.

    Parameters
    ----------
    compile_arguments : dict
        As for `build_compile_kwargs`.
    compiled : keras.Model
        The user's model, compiled or not.
    compile_kwargs : mapping
        What `build_compile_kwargs` returned for the builder.
    open_optimizer : bool
        Whether the estimator's optimizer is a default, which the builder's replaces.

    Raises
    ------
    BackboneError
        If the model was compiled for several outputs, or this version of Keras does not tell what
        it was compiled with.
    """
    adopted = compile_arguments.copy()
    if not compiled.compiled:
        return adopted
    own = _read_arguments(compiled)
    taken = set()
    optimizer = own.get("optimizer")
    open_optimizer = open_optimizer or isinstance(
        compile_arguments["optimizer"], InheritedOptimizer
    )
    is_own_optimizer = optimizer is not None and optimizer is not compile_kwargs["optimizer"]
    if open_optimizer and is_own_optimizer:
        adopted["optimizer"] = build_optimizer(optimizer, {})
        taken.add("optimizer")
    loss = _one_loss(own.get("loss"))
    if _is_auto(compile_arguments["loss"]) and not _is_auto(loss, compile_kwargs["loss"]):
        adopted["loss"] = loss
        taken.add("loss")
    if compile_arguments["metrics"] is None:
        adopted["metrics"] = _all_metrics(own.get("metrics"), own.get("weighted_metrics"))
        taken.add("metrics")
    adopted["adopted"] = frozenset(taken)
    adopted["adopted_options"] = _options(compiled, own, is_own_call=is_own_optimizer)
    return adopted


def check_own_compile(model: keras.Model) -> None:
    """Raise for a copy of a model whose ``compile`` takes other arguments, which the copy lacks."""
    if not (model.compiled or takes_compile_arguments(model)):
        raise BackboneError(
            f"`model` must be a function that builds and compiles {type(model).__name__}, because "
            f"its `compile` takes other arguments than that of keras.Model; got "
            f"{describe(model)}, whose copy would lack them."
        )


def _read_arguments(compiled: keras.Model) -> dict[str, Any]:
    try:
        return compile_arguments_of(compiled)
    except Exception as error:
        raise BackboneError(
            f"What `model` was compiled with cannot be taken over ({type(error).__name__}: "
            f"{error}). Pass `loss`, `optimizer` and `metrics` to the estimator instead, and a "
            "model that is not compiled."
        ) from error


def _is_auto(loss: Any, stand_in: Any = "auto") -> bool:
    return loss is None or loss is stand_in or (isinstance(loss, str) and loss == stand_in)


def _one_loss(loss: Any) -> Any:
    """Return the loss of the only output, from any form in which Keras takes it."""
    losses = [loss] if is_config(loss) else keras.tree.flatten(loss)
    losses = [one for one in losses if one is not None]
    if len(losses) > 1:
        raise BackboneError(
            invalid(
                f"`loss` in {_PLACE}",
                "one loss, alone or in a list or dict, because there is one output",
                f"{len(losses)} losses",
            )
        )
    return losses[0] if losses else None


def _all_metrics(metrics: Any, weighted: Any) -> dict[str, Any] | list[Any] | None:
    """Return the metrics of the only output, from any form in which Keras takes them.

    If weighted metrics have the names of others, all are named as Keras would.
    """
    first, second = _flat_metrics(metrics), _flat_metrics(weighted)
    names = [_name_of(metric) for metric in (*first, *second)]
    if not second or len(set(names)) == len(names):
        return [*first, *second] or None
    named: dict[str, Any] = {}
    for name, metric in zip(names, (*first, *second), strict=True):
        prefix = "weighted_" if len(named) >= len(first) and name in named else ""
        number, unique = 0, prefix + name
        while unique in named:
            number += 1
            unique = f"{prefix}{name}_{number}"
        named[unique] = metric
    return named


def _flat_metrics(metrics: Any) -> list[Any]:
    if is_config(metrics):
        return [metrics]
    return [metric for metric in keras.tree.flatten(metrics) if metric is not None]


def _name_of(metric: Any) -> str:
    name = metric if isinstance(metric, str) else getattr(metric, "name", None)
    return str(name or getattr(metric, "__name__", type(metric).__name__))


def _options(compiled: keras.Model, own: Mapping[str, Any], *, is_own_call: bool) -> dict[str, Any]:
    """Return the other arguments of ``compile`` that differ from Keras' defaults.

    Keras keeps for ``jit_compile="auto"`` what it stands for, True or False. If the builder passed
    on our optimizer, it passed on our arguments, and False is left to the engine.
    """
    options: dict[str, Any] = {}
    if own.get("run_eagerly"):
        options["run_eagerly"] = True
    if (own.get("steps_per_execution") or 1) != 1:
        options["steps_per_execution"] = own["steps_per_execution"]
    jit_compile = own.get("jit_compile")
    if isinstance(jit_compile, bool) and not own.get("run_eagerly"):
        usual = keras.Sequential().jit_compile  # what "auto" stands for here
        if jit_compile is not usual or (is_own_call and not jit_compile):
            options["jit_compile"] = jit_compile
    weight = _one_weight(own.get("loss_weights"))
    if weight is not None:
        options["loss_weights"] = weight
    is_scaled = isinstance(compiled.optimizer, keras.optimizers.LossScaleOptimizer)
    if compiled.dtype_policy.name == "mixed_float16" and compiled.optimizer and not is_scaled:
        options["auto_scale_loss"] = False
    return options


def _one_weight(weights: Any) -> float | None:
    """Return the weight of the loss of the only output."""
    values = [weight for weight in keras.tree.flatten(weights) if weight is not None]
    if not values:
        return None
    if len(values) > 1 or not isinstance(values[0], numbers.Real):
        raise BackboneError(
            invalid(
                f"`loss_weights` in {_PLACE}",
                "one number, alone or in a list or dict, because there is one output",
                f"{len(values)} values" if len(values) > 1 else describe(values[0]),
            )
        )
    return float(values[0])
