"""The ``model`` parameter: the user's whole network, built or copied, and how it was compiled."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_multiclass._interop.scikeras import (
    InheritedOptimizer,
    build_scikeras_model,
    follows_scikeras,
)
from keras_multiclass._network.builder_arguments import check_arguments
from keras_multiclass._network.compile import CompileArguments, build_optimizer
from keras_multiclass._network.name_collisions import NameCollisionError, is_name_collision
from keras_multiclass._shared.keras.copying import copy_layer
from keras_multiclass._shared.keras.lookup import loss_lookup
from keras_multiclass._shared.keras.objects import build_object
from keras_multiclass._shared.messages import describe, format_list, invalid
from keras_multiclass.exceptions import BackboneError

_STAND_IN_LOSS = "sparse_categorical_crossentropy"


def build_whole_model(
    model: Any,
    params: Mapping[str, Any],
    arguments: Mapping[str, Any],
    compile_kwargs: Mapping[str, Any],
    metadata: Mapping[str, Any],
    sample: np.ndarray,
) -> tuple[keras.Model, keras.Model]:
    """Build or copy the user's model.

    Parameters
    ----------
    model : callable or keras.Model
        The ``model`` parameter.
    params : mapping
        All parameters of the estimator.
    arguments : mapping
        Arguments of the builder.
    compile_kwargs : mapping
        Arguments of `keras.Model.compile`, for SciKeras-style builders.
    metadata : mapping
        Metadata of the data, for SciKeras-style builders.
    sample : ndarray
        A few rows of X.

    Returns
    -------
    model : keras.Model
        A model to train.
    compiled : keras.Model
        The model that the user may have compiled: the same one, or the original of a copy.
    """
    if isinstance(model, keras.Model):
        if arguments:
            raise BackboneError(
                f"{format_list(f'model__{name}' for name in arguments)} must reach a function that "
                "builds the model; got a finished keras.Model as `model`. Pass the function "
                "instead."
            )
        return check_model(copy_layer(model), sample), model
    if not callable(model):
        raise BackboneError(
            invalid(
                "`model`",
                "a function that returns a keras.Model, or a keras.Model",
                describe(model),
                "Pass names such as 'mlp' as `backbone`.",
            )
        )
    label = f"the model builder {getattr(model, '__name__', type(model).__name__)}"
    is_model_class = inspect.isclass(model) and issubclass(model, keras.Model)
    if not is_model_class:
        check_arguments(model, arguments, prefix="model", target=label)
    try:
        if not is_model_class and follows_scikeras(model):
            built = build_scikeras_model(
                model, metadata=metadata, compile_kwargs=compile_kwargs, params=params
            )
        else:
            built = model(**arguments)
    except Exception as error:
        error_class = NameCollisionError if is_name_collision(error) else BackboneError
        raise error_class(
            f"Building with {label} failed: {type(error).__name__}: {error}"
        ) from error
    return check_model(built, sample), built


def build_compile_kwargs(compile_arguments: CompileArguments) -> dict[str, Any]:
    """Build a builder's ``compile_kwargs``; the model is compiled again once its output is known.

    Parameters
    ----------
    compile_arguments : mapping
        Optimizer, loss, metrics and their arguments, under the names of `CompileSpec`.

    Returns
    -------
    dict
        Arguments of `keras.Model.compile`.
    """
    loss = compile_arguments["loss"]
    if isinstance(loss, str):
        loss = _STAND_IN_LOSS if loss == "auto" else loss
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
    """
    adopted = compile_arguments.copy()
    if not compiled.compiled:
        return adopted
    open_optimizer = open_optimizer or isinstance(
        compile_arguments["optimizer"], InheritedOptimizer
    )
    if open_optimizer and compiled.optimizer is not compile_kwargs["optimizer"]:
        adopted["optimizer"] = build_optimizer(compiled.optimizer, {})
    if _is_auto(compile_arguments["loss"]) and not _is_auto(compiled.loss, compile_kwargs["loss"]):
        adopted["loss"] = compiled.loss
    if compile_arguments["metrics"] is None:
        adopted["metrics"] = _compiled_metrics(compiled)
    return adopted


def _is_auto(loss: Any, stand_in: str = "auto") -> bool:
    return loss is None or (isinstance(loss, str) and loss == stand_in)


def _compiled_metrics(model: keras.Model) -> list[Any] | None:
    config = model.get_compile_config() or {}
    metrics = [*(config.get("metrics") or []), *(config.get("weighted_metrics") or [])]
    try:
        return [keras.saving.deserialize_keras_object(m) for m in metrics] or None
    except Exception as error:
        raise BackboneError(
            "The metrics that `model` was compiled with cannot be taken over "
            f"({type(error).__name__}: {error}). Pass them to the estimator as `metrics`."
        ) from error


def check_model(model: Any, sample: np.ndarray) -> keras.Model:
    """Return a whole model once it is built; raise if it is not a Keras model, or cannot run."""
    if not isinstance(model, keras.Model):
        raise BackboneError(
            invalid(
                "What the `model` builder returns",
                "a keras.Model",
                describe(model),
                "Pass a function that returns features as `backbone`.",
            )
        )
    try:
        model(ops.convert_to_tensor(sample), training=False)
    except Exception as error:
        raise BackboneError(
            "`model` cannot be evaluated on X of shape "
            f"(n_samples, {', '.join(map(str, sample.shape[1:]))}): "
            f"{type(error).__name__}: {error}"
        ) from error
    return model
