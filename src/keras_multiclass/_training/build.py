"""The network of a new fit: built from the backbone or the user's model, and compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_multiclass._data.packed import PackedSchema
from keras_multiclass._network.augmentation import mixes
from keras_multiclass._network.backbone_resolution import check_backbone_unused, check_not_routed
from keras_multiclass._network.build import build_network
from keras_multiclass._network.builder_metadata import describe_features, describe_target
from keras_multiclass._network.compile import CompileArguments, CompileSpec, continue_optimizer
from keras_multiclass._network.name_collisions import build_without_collisions
from keras_multiclass._network.optimizers import acts_elementwise
from keras_multiclass._network.pretrained import check_pixels
from keras_multiclass._network.scaling import is_own_scaling
from keras_multiclass._network.user_compile import (
    adopt_compiled,
    build_compile_kwargs,
    check_own_compile,
)
from keras_multiclass._network.user_model import build_whole_model
from keras_multiclass._network.user_networks import copy_if_used_before
from keras_multiclass._shared.keras.earlier_layers import EarlierLayers
from keras_multiclass._shared.keras.overrides import NOT_CALLED, overridden, overrides_prediction
from keras_multiclass._shared.messages import describe, invalid, warn
from keras_multiclass._training.defaults import (
    TrainingSettings,
    compile_arguments,
    resolved_parameters,
)
from keras_multiclass._training.fit_parameters import FitParameters
from keras_multiclass._training.fitted import FittedNetwork, FittedState
from keras_multiclass._training.parameter_checks import is_auto
from keras_multiclass._training.reading.run_data import RunData
from keras_multiclass._training.structure import structure_of
from keras_multiclass.exceptions import BackboneError

_SAMPLE_ROWS = 8
_IMAGE_ROWS = 64


@dataclass(frozen=True)
class _Built:
    """A network to compile.

    Attributes
    ----------
    model : keras.Model
        The network.
    compile_spec : CompileSpec
        What to compile it from.
    input_names : tuple of str or None, default=None
        Names of the inputs of the backbone, if X is a table.
    trained_optimizer : keras.optimizers.Optimizer or None, default=None
        The optimizer that the user compiled the model with, whose state is taken over.
    """

    model: keras.Model
    compile_spec: CompileSpec
    input_names: tuple[str, ...] | None = None
    trained_optimizer: keras.optimizers.Optimizer | None = None


def build_and_compile(parameters: FitParameters, data: RunData, seed: int) -> FittedNetwork:
    """Build and compile the network of a new fit.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    data : RunData
        The data that the network is built for.
    seed : int
        Seed of the fit.

    Returns
    -------
    FittedNetwork
        The network before any training.

    Raises
    ------
    BackboneError, ValueError
        If a parameter does not fit the network, or a builder fails.
    """
    arguments = compile_arguments(parameters, data.backbone, data.settings.early_stopping)
    build = _build_from_backbone if parameters.model is None else _build_whole_model
    built = build_without_collisions(partial(build, parameters, data, arguments))
    model, spec = built.model, built.compile_spec
    _warn_of_unused_methods(model)
    spec.compile(model)
    if built.trained_optimizer is not None:
        continue_optimizer(built.trained_optimizer, model, spec.optimizer_arguments)
    spec = with_prediction_form(spec, model, data.sample.features(slice(_SAMPLE_ROWS)))
    state = FittedState(
        codec=data.codec,
        features=data.features,
        compile_spec=spec,
        compile_arguments=arguments,
        seed=seed,
        dtype=parameters.settings.dtype,
        structure=structure_of(parameters),
        input_names=built.input_names,
        resolved_params=resolved_parameters(
            data.settings, data.backbone, arguments, data.batch_size
        ),
        thresholds=data.thresholds,
        recommendation=None if data.backbone is None else data.backbone.recommendation,
    )
    return FittedNetwork(model, state, model.loss)


def _build_from_backbone(
    parameters: FitParameters, data: RunData, arguments: CompileArguments
) -> _Built:
    check_not_routed(parameters.routed, "model", "`model` is None")
    backbone, settings = data.backbone, data.settings
    assert backbone is not None
    _check_pixels(data)
    earlier = EarlierLayers(backbone.builders)
    with earlier.while_building():
        model, names = build_network(
            backbone,
            parameters.routed_to("backbone"),
            data.describe_inputs(),
            objective=data.objective,
            scaling=settings.scaling,
            augmentation=parameters.settings.augmentation,
            n_ensemble=settings.n_ensemble,
            may_stack=acts_elementwise(arguments["optimizer"], arguments["optimizer_arguments"]),
            calibrated=settings.calibration is not None,
        )
    model = copy_if_used_before(model, earlier, backbone.label)
    objective = data.objective.with_ensemble(backbone.ensemble or settings.n_ensemble != 1)
    if mixes(parameters.settings.augmentation):
        _check_can_mix(data)
        objective = objective.of_mixed_rows()
    spec = CompileSpec(objective=objective, **arguments)
    return _Built(model, spec, input_names=_distinct(names) if names or data.is_table else None)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Append a number to names that occur before, such as that of a date's part and a column."""
    taken: set[str] = set()
    result = []
    for name in names:
        number, new = 1, name
        while new in taken:
            number += 1
            new = f"{name}_{number}"
        taken.add(new)
        result.append(new)
    return tuple(result)


def _check_pixels(data: RunData) -> None:
    """Raise if a pretrained network would scale images that are not as it expects."""
    scaling, features, sample = data.settings.scaling, data.features, data.sample
    if data.backbone is None or scaling is None:
        return
    step = -(-sample.n_samples // _IMAGE_ROWS)
    if isinstance(scaling, Mapping) and isinstance(features, PackedSchema):
        for name, of_input in scaling.items():
            if of_input == "pretrained":
                images = features.blocks[name].of(sample.features(slice(None, None, step)))
                check_pixels(images, f"input {name!r}")
    elif isinstance(scaling, str) and scaling == "pretrained":
        check_pixels(sample.features(slice(None, None, step)), data.backbone.label)


def _check_can_mix(data: RunData) -> None:
    """Raise if rows must not be mixed, with their targets, in this run."""
    got = ""
    if isinstance(data.features, PackedSchema):
        got = "X with several inputs, of which a layer sees one"
    elif data.weighs_members:
        got = "members of an ensemble that hold out folds (`validation_split`)"
    if got:
        raise BackboneError(
            invalid(
                "`augmentation`",
                "layers that change each row by itself here, because of " + got,
                "MixUp or CutMix",
                "Leave them out.",
            )
        )


def _build_whole_model(
    parameters: FitParameters, data: RunData, arguments: CompileArguments
) -> _Built:
    check_backbone_unused(parameters.backbone, parameters.routed)
    _check_whole_model_settings(data.settings, parameters.settings.augmentation)
    compile_kwargs = build_compile_kwargs(arguments, data.objective.automatic_loss)
    sample = data.sample.features(slice(_SAMPLE_ROWS))
    model, compiled = build_whole_model(
        parameters.model,
        parameters.values,
        parameters.routed_to("model"),
        compile_kwargs,
        {
            **describe_features(data.features, data.sample.X),
            **describe_target(data.codec, data.y),
        },
        sample,
        data.features if isinstance(data.features, PackedSchema) else None,
    )
    check_own_compile(model)
    adopted = adopt_compiled(
        arguments, compiled, compile_kwargs, open_optimizer=is_auto(parameters.optimizer)
    )
    objective = data.objective.of_model(model, sample, adopted["loss"])
    spec = CompileSpec(objective=objective, **adopted)
    is_adopted = "optimizer" in spec.adopted
    return _Built(model, spec, trained_optimizer=compiled.optimizer if is_adopted else None)


def with_prediction_form(spec: CompileSpec, model: keras.Model, sample: np.ndarray) -> CompileSpec:
    """Add what a model predicts if it has a ``predict_step`` of its own.

    Parameters
    ----------
    spec : CompileSpec
        What the model was compiled from.
    model : keras.Model
        The compiled model.
    sample : ndarray
        A few rows of X.
    """
    if not overrides_prediction(model):
        return spec

    def predict(rows: np.ndarray) -> Any:
        return keras.Model.predict(model, rows, batch_size=len(rows), verbose=0)

    predicted = predict(sample)
    output = keras.ops.convert_to_numpy(model(sample, training=False))
    if np.shape(predicted) == output.shape and np.allclose(predicted, output, atol=1e-6):
        return spec
    return replace(spec, objective=spec.objective.of_prediction(predict, sample))


def _warn_of_unused_methods(model: keras.Model) -> None:
    own = overridden(model, NOT_CALLED)
    if own:
        names = ", ".join(f"`{name}`" for name in own)
        warn(
            f"{type(model).__name__} overrides {names}, which the classifier does not call: it has "
            "its own training loop. Override `train_step`, `test_step` or `predict_step` instead."
        )


def _check_whole_model_settings(settings: TrainingSettings, augmentation: object) -> None:
    """Raise for parameters that would change the output layer of a whole model."""
    errors = []
    if augmentation is not None:
        errors.append(
            "`augmentation` must be None when `model` is given, whose layers are fixed; got "
            f"{describe(augmentation)}. Put the layers after the input layer of the model, or "
            "pass it without its last layer as `backbone`."
        )
    if settings.n_ensemble != 1:
        errors.append(
            "`n_ensemble` must be 'auto' or 1 when `model` is given, whose output layer is fixed; "
            f"got {settings.n_ensemble}. Pass the network without its last layer as `backbone`, "
            "or wrap the classifier in sklearn.ensemble.BaggingClassifier."
        )
    if is_own_scaling(settings.scaling) or settings.scaling == "pretrained":
        errors.append(
            "`scaling` must be 'auto' or None when `model` is given, which reads X unchanged; got "
            f"{describe(settings.scaling)}. Put the layers in front of the model."
        )
    if settings.calibration is not None:
        errors.append(
            "`calibration` must be None when `model` is given, whose output layer is fixed; got "
            f"{settings.calibration!r}. Wrap the classifier in "
            "sklearn.calibration.CalibratedClassifierCV."
        )
    if errors:
        raise ValueError("\n".join(errors))
