"""Makes our classifier of a SciKeras one: same parameters and, when it is fitted, same network."""

from __future__ import annotations

import copy
from typing import Any

import keras
import numpy as np

from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._interop.scikeras import (
    SciKerasFit,
    check_scikeras_classifier,
    convert_parameters,
    read_fit,
)
from keras_multiclass._network.compile import CompileSpec, build_optimizer
from keras_multiclass._network.objective import inspect_output
from keras_multiclass._network.user_model import adopt_compiled, compile_arguments
from keras_multiclass._shared.keras.copying import copy_layer, read_values, write_values
from keras_multiclass._shared.keras.environment import array_dtype, keras_environment, start_quietly
from keras_multiclass._shared.seeding import epoch_seed, resolve_seed, seeded
from keras_multiclass._shared.typing import History
from keras_multiclass._training.auto_parameters import compile_choices
from keras_multiclass._training.engine import TrainingPlan, TrainingResult
from keras_multiclass._training.run import FittedState, set_fitted, set_trained
from keras_multiclass._training.settings import Settings, resolve_settings

_SAMPLE_ROWS = 8


def convert(cls: type, estimator: Any) -> Any:
    """Make an instance of ``cls`` of a SciKeras classifier, which is left as it is."""
    check_scikeras_classifier(estimator)
    fit = read_fit(estimator)
    converted = cls(**convert_parameters(estimator))
    if fit is not None:
        _adopt(converted, fit)
    return converted


def _adopt(twin: Any, fit: SciKerasFit) -> None:
    """Set the fitted attributes of ``twin`` from a copy of a trained network."""
    settings = resolve_settings(twin.get_params(deep=False), twin._routed)
    start_quietly()
    # A generator is drawn from by fits, not by a conversion.
    seed = resolve_seed(copy.deepcopy(twin.random_state))
    codec = LabelCodec(fit.classes, fit.form, dtype=fit.label_dtype)
    with keras_environment(settings.dtype), seeded(epoch_seed(seed, 0)):
        model = copy_layer(fit.model)
        choices = compile_choices(twin, settings, None)
        recipe = _read_recipe(model, fit, settings, choices)
        recipe.compile(model)
        if fit.model.compiled:
            _copy_optimizer_state(fit.model, model)
        history = _rename(fit.history, [metric.name for metric in recipe.build_metrics()])
    twin.n_features_in_ = fit.X_shape[1]
    twin.input_shape_ = fit.X_shape[1:]
    state = FittedState(codec, recipe, choices, seed, settings.dtype)
    set_fitted(twin, model, state)
    n_epochs = len(history.get("loss", []))
    plan = TrainingPlan(n_epochs, 0, 1, False, seed, options=settings.fit_options)
    set_trained(twin, TrainingResult(history), plan)


def _read_recipe(
    model: keras.Model, fit: SciKerasFit, settings: Settings, choices: dict[str, Any]
) -> CompileSpec:
    """Take over how the network was compiled, whoever chose it."""
    given = compile_arguments(choices, settings.compile_options)
    adopted = adopt_compiled(choices, fit.model, given, open_optimizer=False)
    if fit.model.compiled:
        # As it is now: a callback may have changed the learning rate since the user chose it.
        optimizer = build_optimizer(fit.model.optimizer, {})
        adopted = {**adopted, "optimizer": optimizer, "optimizer_arguments": {}}
    sample = _sample_rows(fit, settings.dtype)
    form = inspect_output(model, len(fit.classes), sample, loss=adopted["loss"])
    names = tuple(map(str, fit.classes))
    return CompileSpec(n_classes=len(fit.classes), output_form=form, class_names=names, **adopted)


def _sample_rows(fit: SciKerasFit, dtype: str) -> np.ndarray:
    """Make up rows to try a network on whose structure does not tell what it emits."""
    generator = np.random.default_rng(0)
    shape = (_SAMPLE_ROWS, *fit.X_shape[1:])
    is_real = fit.X_dtype.kind == "f"
    rows = generator.normal(size=shape) if is_real else generator.integers(2, size=shape)
    return rows.astype(array_dtype(dtype))


def _copy_optimizer_state(source: keras.Model, target: keras.Model) -> None:
    """Let training go on with the moments, step count and learning rate that were reached."""
    if not source.optimizer.built:
        return
    target.optimizer.build(target.trainable_variables)
    values = read_values(source.optimizer)
    if len(values) == len(target.optimizer.variables):
        write_values(target.optimizer, values)


def _rename(history: History, metric_names: list[str]) -> History:
    """Spell metrics as they will be spelt when training goes on; SciKeras writes ``a_u_c``."""
    spelt = {_bare(name): name for name in metric_names}
    renamed = {}
    for key, values in history.items():
        name = key.removeprefix("val_")
        renamed[key.removesuffix(name) + spelt.get(_bare(name), name)] = values
    return renamed


def _bare(name: str) -> str:
    return name.replace("_", "").lower()
