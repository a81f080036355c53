"""Adopt the network of a fitted SciKeras classifier."""

from __future__ import annotations

import copy

import keras
import numpy as np

from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.labels.target import Weighting
from keras_multiclass._interop.scikeras import SciKerasFit
from keras_multiclass._network.compile import (
    CompileArguments,
    CompileSpec,
    build_optimizer,
    continue_optimizer,
)
from keras_multiclass._network.integer_inputs import integer_input
from keras_multiclass._network.user_compile import adopt_compiled, build_compile_kwargs
from keras_multiclass._shared.keras.environment import array_dtype, keras_environment, start_quietly
from keras_multiclass._shared.keras.lookup import without_case
from keras_multiclass._shared.keras.snapshots import copy_layer
from keras_multiclass._shared.seeding import epoch_seed, resolve_seed, seeded
from keras_multiclass._shared.typing import History
from keras_multiclass._training.build import with_prediction_form
from keras_multiclass._training.defaults import compile_arguments
from keras_multiclass._training.fit_parameters import FitParameters
from keras_multiclass._training.fitted import FittedNetwork, FittedState, TrainingRecord, name_modes
from keras_multiclass._training.structure import structure_of

_SAMPLE_ROWS = 8


def adopt_fit(parameters: FitParameters, fit: SciKerasFit) -> FittedNetwork:
    """Return a copy of the network that SciKeras trained, as if it had been trained here.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the converted classifier.
    fit : SciKerasFit
        What SciKeras trained; stays unchanged.

    Returns
    -------
    FittedNetwork
        A network that continues training from the state of the optimizer.
    """
    settings = parameters.settings
    start_quietly()
    # Fits draw from a generator; a conversion does not.
    seed = resolve_seed(copy.deepcopy(parameters.random_state))
    codec = LabelCodec(fit.classes, fit.form, dtype=fit.label_dtype)
    with keras_environment(settings.dtype), seeded(epoch_seed(seed, 0)):
        model = copy_layer(fit.model)
        arguments = compile_arguments(parameters, None, None)
        spec = _read_compile_spec(model, fit, parameters, codec, arguments)
        spec.compile(model)
        spec = with_prediction_form(spec, model, _sample_rows(fit, settings.dtype))
        if fit.model.compiled:
            continue_optimizer(fit.model.optimizer, model, {})
        history = _rename(fit.history, [metric.name for metric in spec.build_metrics()])
        modes = name_modes(spec.metric_modes(), history)
    features = FeatureSchema(
        input_shape=tuple(fit.X_shape[1:]),
        n_features_in=fit.X_shape[1],
        feature_names_in=None,
        dtype=array_dtype(settings.dtype),
        estimator_name=parameters.estimator_name,
        integer_dtype=integer_input(model),
    )
    structure = structure_of(parameters)
    state = FittedState(codec, features, spec, arguments, seed, settings.dtype, structure)
    n_epochs, n_validated = len(history.get("loss", [])), len(history.get("val_loss", []))
    # SciKeras does not record which epochs were validated, unless all were.
    validated = range(1, n_validated + 1) if n_validated == n_epochs else ()
    record = TrainingRecord(history, n_epochs, modes, tuple(validated))
    return FittedNetwork(model, state, model.loss, record)


def _read_compile_spec(
    model: keras.Model,
    fit: SciKerasFit,
    parameters: FitParameters,
    codec: LabelCodec,
    arguments: CompileArguments,
) -> CompileSpec:
    """Adopt what the network was compiled with, whether by the builder or by SciKeras."""
    objective = parameters.task.objective_of(codec, Weighting())
    kwargs = build_compile_kwargs(arguments, objective.automatic_loss)
    adopted = adopt_compiled(arguments, fit.model, kwargs, open_optimizer=False)
    if fit.model.compiled:
        # In its present state: a callback may have changed the learning rate.
        optimizer = build_optimizer(fit.model.optimizer, {})
        adopted["optimizer"], adopted["optimizer_arguments"] = optimizer, {}
    sample = _sample_rows(fit, parameters.settings.dtype)
    return CompileSpec(objective=objective.of_model(model, sample, adopted["loss"]), **adopted)


def _sample_rows(fit: SciKerasFit, dtype: str) -> np.ndarray:
    """Generate rows to evaluate a network whose layers do not show what it emits."""
    generator = np.random.default_rng(0)
    shape = (_SAMPLE_ROWS, *fit.X_shape[1:])
    is_number = fit.X_dtype.kind == "f"
    rows = generator.normal(size=shape) if is_number else generator.integers(2, size=shape)
    return rows.astype(array_dtype(dtype))


def _rename(history: History, metric_names: list[str]) -> History:
    """Spell metrics as further training will; SciKeras writes ``a_u_c``."""
    spelling = {without_case(name): name for name in metric_names}
    renamed = {}
    for key, values in history.items():
        name = key.removeprefix("val_")
        renamed[key.removesuffix(name) + spelling.get(without_case(name), name)] = values
    return renamed
