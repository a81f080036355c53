"""The network of a new fit: built from the backbone or the user's model, and compiled."""

from __future__ import annotations

from functools import partial

import keras

from keras_multiclass._network.backbone_resolution import check_backbone_unused, check_not_routed
from keras_multiclass._network.build import build_network
from keras_multiclass._network.builder_metadata import describe_features, describe_target
from keras_multiclass._network.compile import CompileArguments, CompileSpec
from keras_multiclass._network.name_collisions import build_without_collisions
from keras_multiclass._network.objective import inspect_output
from keras_multiclass._network.user_model import (
    adopt_compiled,
    build_compile_kwargs,
    build_whole_model,
)
from keras_multiclass._training.auto_parameters import (
    TrainingSettings,
    compile_arguments,
    resolved_parameters,
)
from keras_multiclass._training.fitted import FittedNetwork, FittedState
from keras_multiclass._training.parameters import FitParameters
from keras_multiclass._training.reading.run_data import RunData
from keras_multiclass._training.settings import is_auto

_SAMPLE_ROWS = 8


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
    arguments = compile_arguments(parameters, data.backbone)
    build = _build_from_backbone if parameters.model is None else _build_whole_model
    model, spec, names = build_without_collisions(partial(build, parameters, data, arguments))
    spec.compile(model)
    state = FittedState(
        codec=data.codec,
        features=data.features,
        compile_spec=spec,
        compile_arguments=arguments,
        seed=seed,
        dtype=parameters.settings.dtype,
        input_names=names,
        resolved_params=resolved_parameters(
            data.settings, data.backbone, arguments, data.batch_size
        ),
    )
    return FittedNetwork(model, state)


def _build_from_backbone(
    parameters: FitParameters, data: RunData, arguments: CompileArguments
) -> tuple[keras.Model, CompileSpec, tuple[str, ...] | None]:
    check_not_routed(parameters.routed, "model", "`model` is None")
    backbone, settings = data.backbone, data.settings
    assert backbone is not None
    model, names = build_network(
        backbone,
        parameters.routed_to("backbone"),
        data.describe_inputs(),
        n_classes=data.codec.n_classes,
        scaling=settings.scaling,
        n_ensemble=settings.n_ensemble,
        calibrated=settings.calibration is not None,
    )
    spec = CompileSpec(
        n_classes=data.codec.n_classes,
        output_form="logits",
        ensemble=backbone.ensemble or settings.n_ensemble != 1,
        class_names=data.codec.class_names,
        **arguments,
    )
    return model, spec, tuple(names) if data.is_table else None


def _build_whole_model(
    parameters: FitParameters, data: RunData, arguments: CompileArguments
) -> tuple[keras.Model, CompileSpec, None]:
    check_backbone_unused(parameters.backbone, parameters.routed)
    _check_whole_model_settings(data.settings)
    compile_kwargs = build_compile_kwargs(arguments)
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
    )
    adopted = adopt_compiled(
        arguments, compiled, compile_kwargs, open_optimizer=is_auto(parameters.optimizer)
    )
    n_classes = data.codec.n_classes
    spec = CompileSpec(
        n_classes=n_classes,
        output_form=inspect_output(model, n_classes, sample, loss=adopted["loss"]),
        class_names=data.codec.class_names,
        **adopted,
    )
    return model, spec, None


def _check_whole_model_settings(settings: TrainingSettings) -> None:
    """Raise for parameters that would change the output layer of a whole model."""
    errors = []
    if settings.n_ensemble != 1:
        errors.append(
            "`n_ensemble` must be 'auto' or 1 when `model` is given, whose output layer is fixed; "
            f"got {settings.n_ensemble}. Pass the network without its last layer as `backbone`, "
            "or wrap the classifier in sklearn.ensemble.BaggingClassifier."
        )
    if settings.calibration is not None:
        errors.append(
            "`calibration` must be None when `model` is given, whose output layer is fixed; got "
            f"{settings.calibration!r}. Wrap the classifier in "
            "sklearn.calibration.CalibratedClassifierCV."
        )
    if errors:
        raise ValueError("\n".join(errors))
