"""One run of `fit`, `partial_fit` or `initialize`: from the user's data to a fitted network.

A run gets the parameters and the data, and returns a `FittedNetwork`. It never sees the estimator,
so a failed run leaves it unchanged.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import keras
import numpy as np

from keras_multiclass._data.rows import TrainingData
from keras_multiclass._network.backbone_resolution import NetworkParameters
from keras_multiclass._network.compile import MetricMode
from keras_multiclass._network.compiled_model import restored_on_failure
from keras_multiclass._network.integer_inputs import integer_input
from keras_multiclass._network.side_by_side import check_steps
from keras_multiclass._shared.interrupts import interruptible
from keras_multiclass._shared.keras.copying import sharing_with
from keras_multiclass._shared.keras.environment import check_dtype, keras_environment, start_quietly
from keras_multiclass._shared.keras.global_policy import warning_if_policy_differs
from keras_multiclass._shared.keras.overrides import overrides_logs
from keras_multiclass._shared.keras.schedules import start_schedules
from keras_multiclass._shared.keras.variables import read_values
from keras_multiclass._shared.messages import warn, warnings_held_back
from keras_multiclass._shared.seeding import Seeded, epoch_seed, resolve_seed, seeded
from keras_multiclass._shared.typing import History
from keras_multiclass._shared.upstream.keras_globals import own_seed_generator
from keras_multiclass._training.build import build_and_compile
from keras_multiclass._training.calibration import calibrate, set_temperature, temperature_of
from keras_multiclass._training.callbacks import build_callbacks
from keras_multiclass._training.defaults import compile_arguments
from keras_multiclass._training.early_stopping import build_early_stopping, warn_of_undefined
from keras_multiclass._training.engine import TrainingPlan, TrainingResult, is_due, train
from keras_multiclass._training.fine_tuning import check_fine_tuning, freeze
from keras_multiclass._training.fit_parameters import FitParameters
from keras_multiclass._training.fitted import FittedNetwork, TrainingRecord, name_modes
from keras_multiclass._training.given_optimizer import warning_if_optimizer_changes
from keras_multiclass._training.parameter_checks import is_auto
from keras_multiclass._training.progress import Progress, show_progress
from keras_multiclass._training.reading.data import read_data
from keras_multiclass._training.reading.run_data import KnownData, RunData
from keras_multiclass._training.request import FitRequest
from keras_multiclass._training.structure import check_unchanged
from keras_multiclass._training.thresholds import choose_thresholds, is_chosen
from keras_multiclass._training.unknown_arguments import reported_together
from keras_multiclass.exceptions import DivergenceError, TrainingInterruptedWarning

_HELD_OUT_ROWS_PER_BATCH = 256

Train: TypeAlias = Callable[[tuple[keras.callbacks.Callback, ...]], FittedNetwork]
"""Trains with further Keras callbacks."""
Observer: TypeAlias = Callable[
    [FittedNetwork, int, Callable[[History, int], dict[str, object]], Train], FittedNetwork
]
"""Calls a `Train` function and reports its epochs elsewhere.

Its arguments are the network before training, the number of epochs, a function from the history so
far and its number of epochs to the attributes that change with it, and what to call.
"""


def run_fit(
    parameters: FitParameters,
    request: FitRequest,
    previous: FittedNetwork | None = None,
    observer: Observer | None = None,
) -> FittedNetwork:
    """Build a network and train it, or train an earlier one further.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    request : FitRequest
        The data and the task.
    previous : FittedNetwork, default=None
        The network to train further; None for a new one.
    observer : callable, default=None
        Follows the training.

    Returns
    -------
    FittedNetwork
        The network; `previous` is the same as before if this raises.

    Raises
    ------
    ValueError, TypeError
        If a parameter or an array cannot be used.
    """
    start_quietly()
    check_dtype(parameters.settings.dtype)
    verbose = 0 if request.task == "initialize" else parameters.settings.verbose
    callbacks = parameters.callbacks, parameters.routed.get("fit__callbacks")
    with (
        warning_if_policy_differs(parameters.settings.dtype),
        show_progress(verbose) as progress,
        sharing_with(callbacks),
    ):
        if previous is None:
            return _start(parameters, request, progress, observer)
        return _continue(parameters, request, previous, progress, observer)


def _start(
    parameters: FitParameters,
    request: FitRequest,
    progress: Progress,
    observer: Observer | None,
) -> FittedNetwork:
    seed = resolve_seed(parameters.random_state)
    is_new_fit = request.task != "partial_fit"
    tuning = parameters.settings.fine_tuning
    check_fine_tuning(tuning, parameters.backbone, is_new_fit=is_new_fit)
    backbone = _network_parameters(parameters, request)
    with (
        keras_environment(parameters.settings.dtype),
        _seeded_fit(epoch_seed(seed, 0)) as block,
        reported_together(parameters.values, parameters.routed, parameters.task.any_objective),
    ):
        with interruptible():
            data, network = _read_and_build(parameters, request, backbone, seed)
        if request.task == "initialize":
            return network
        block.share()
        with warning_if_optimizer_changes(parameters):
            return _train(parameters, request, data, network, progress, observer)


def _network_parameters(parameters: FitParameters, request: FitRequest) -> NetworkParameters:
    objective = parameters.task.for_target(request.y).any_objective
    return NetworkParameters.of(
        parameters.backbone,
        parameters.model,
        objective.table_backbone,
        objective.small_table_backbone,
        parameters.settings.preset,
    )


def _read_and_build(
    parameters: FitParameters, request: FitRequest, backbone: NetworkParameters, seed: int
) -> tuple[RunData, FittedNetwork]:
    """Read the data and build the network, whose input layer may decide how they are read."""
    if parameters.model is None or isinstance(parameters.model, keras.Model):
        data = read_data(parameters, request, backbone, seed)
        return data, build_and_compile(parameters, data, seed)
    with warnings_held_back() as held_back:
        data = read_data(parameters, request, backbone, seed)
    network = build_and_compile(parameters, data, seed)
    integer_dtype = integer_input(network.model)
    if integer_dtype is None:
        for each in held_back:
            warn(*each)
        return data, network
    # Read again, because integers were read as floats, which may round them.
    backbone = replace(backbone, integer_dtype=integer_dtype)
    data = read_data(parameters, request, backbone, seed)
    return data, replace(network, state=replace(network.state, features=data.features))


def _continue(
    parameters: FitParameters,
    request: FitRequest,
    previous: FittedNetwork,
    progress: Progress,
    observer: Observer | None,
) -> FittedNetwork:
    """Train an earlier network with the parameters as they are now."""
    state, model = previous.state, previous.model
    tuning = parameters.settings.fine_tuning
    check_fine_tuning(tuning, parameters.backbone, is_new_fit=False)
    check_unchanged(state.structure, state.resolved_params or {}, parameters)
    backbone = _network_parameters(parameters, request)
    with (
        keras_environment(state.dtype),
        _seeded_fit(epoch_seed(state.seed, previous.record.n_epochs)) as block,
        reported_together(parameters.values, parameters.routed, parameters.task.any_objective),
    ):
        state.codec.check_same_classes(request.classes)
        known = KnownData(state.codec, state.features, state.recommendation, state.n_ensemble)
        with interruptible():
            data = read_data(parameters, request, backbone, state.seed, known)
        arguments = compile_arguments(parameters, data.backbone, data.settings.early_stopping)
        spec = state.compile_spec.with_changes(state.compile_arguments, arguments)
        spec = replace(spec, objective=spec.objective.continued(data.objective))
        with restored_on_failure(model, state.compile_spec):
            spec.recompile(model, state.compile_spec)
            check_steps(model)
            state = replace(state, codec=data.codec, compile_spec=spec, compile_arguments=arguments)
            network = replace(previous, state=state, loss=model.loss)
            block.share()
            with warning_if_optimizer_changes(parameters):
                return _train(parameters, request, data, network, progress, observer)


@contextlib.contextmanager
def _seeded_fit(seed: int) -> Iterator[Seeded]:
    """Seed what the user's code may draw from: Python's, NumPy's and Keras' global generators."""
    with seeded(seed) as block, own_seed_generator(seed):
        yield block


def _train(
    parameters: FitParameters,
    request: FitRequest,
    data: RunData,
    network: FittedNetwork,
    progress: Progress,
    observer: Observer | None,
) -> FittedNetwork:
    """Plan the training of a compiled network, train it, and finish."""
    calibrates = request.task == "fit" and data.settings.calibration is not None
    if is_auto(parameters.settings.calibration) and temperature_of(network.model) is None:
        calibrates = False  # it was not recommended when the network was built
    modes = network.state.compile_spec.metric_modes()
    callbacks = _build_callbacks(parameters, network.state.run)
    network = replace(network, callbacks=(*callbacks["callbacks"], *callbacks["fit__callbacks"]))
    plan = _plan(
        parameters, request, data, network, progress, modes, callbacks, calibrates=calibrates
    )
    temperature = temperature_of(network.model)
    set_temperature(network.model, 1.0)
    tuning = parameters.settings.fine_tuning
    n_epochs = plan.epochs + (0 if tuning is None else tuning.epochs)
    interrupted = False
    result: TrainingResult | None = None

    def train_with(callbacks: tuple[keras.callbacks.Callback, ...]) -> FittedNetwork:
        nonlocal interrupted, result
        # After the other callbacks, which may stop the training.
        extended = replace(plan, callbacks=(*plan.callbacks, *callbacks))
        train_phase = partial(_train_phase, data, modes)
        if tuning is None:
            result, trained = train_phase(network, extended)
        else:
            frozen, optimizer = freeze(network.model), tuning.optimizer(network.state.compile_spec)
            result, trained = train_phase(network, extended)
            frozen.unfreeze()
            network.state.compile_spec.compile(network.model, optimizer)
            if not result.interrupted:
                second = tuning.plan(extended, result)
                _start_schedules(network.model, data, second)
                result, trained = train_phase(trained, second)
        interrupted = result.interrupted
        return trained

    if observer is None:
        trained = train_with(())
    else:
        progress_attributes = partial(_progress_attributes, network, plan, data, modes)
        trained = observer(network, n_epochs, progress_attributes, train_with)
    if result is not None:
        warn_of_undefined(plan.callbacks, result.history, result.first_epoch)
    if calibrates and data.validation is not None:
        batch_size = parameters.settings.predict_batch_size
        calibrate(network.model, data.validation, data.settings.engine, batch_size)
    elif temperature is not None:
        set_temperature(network.model, temperature)
    if request.task == "fit":
        trained = _with_thresholds(parameters, data, trained)
    if interrupted:
        n_done = trained.record.n_epochs - network.record.n_epochs
        warn(
            f"Training was interrupted; the classifier is fitted with {n_done} of {n_epochs} "
            "epochs, and with the completed steps of the next one.",
            TrainingInterruptedWarning,
        )
    return trained


def _train_phase(
    data: RunData, modes: Mapping[str, MetricMode], network: FittedNetwork, plan: TrainingPlan
) -> tuple[TrainingResult, FittedNetwork]:
    """Train with one plan; return also the network with the epochs added to its record."""
    engine = data.settings.engine
    result = train(engine, network.model, data.training, data.validation, plan)
    _check_weights(network.model)
    record = _extend(network.record, result, plan, data, modes)
    return result, replace(network, record=record)


def _with_thresholds(
    parameters: FitParameters, data: RunData, network: FittedNetwork
) -> FittedNetwork:
    """Choose the thresholds of labels on the validation rows, if the user wishes so."""
    threshold, state, thresholds = parameters.settings.threshold, network.state, data.thresholds
    if thresholds is None:
        return network
    if is_chosen(threshold) and data.validation is not None:
        thresholds = choose_thresholds(
            threshold,
            network.model,
            state.compile_spec.objective,
            data.validation,
            data.settings.engine,
            parameters.settings.predict_batch_size,
        )
    return replace(network, state=replace(state, thresholds=thresholds))


def _build_callbacks(
    parameters: FitParameters, run: str
) -> dict[str, tuple[keras.callbacks.Callback, ...]]:
    """Return the user's callbacks, by the parameter that they were passed as."""
    values = {
        "callbacks": parameters.callbacks,
        "fit__callbacks": parameters.routed.get("fit__callbacks"),
    }
    return {
        name: build_callbacks(value, parameters.routed_to(name), run)
        for name, value in values.items()
    }


def _plan(
    parameters: FitParameters,
    request: FitRequest,
    data: RunData,
    network: FittedNetwork,
    progress: Progress,
    modes: Mapping[str, MetricMode],
    callbacks: Mapping[str, tuple[keras.callbacks.Callback, ...]],
    *,
    calibrates: bool,
) -> TrainingPlan:
    """Decide how to train, and prepare the network for it."""
    model, state, settings = network.model, network.state, data.settings
    is_part = request.task == "partial_fit"
    state.compile_spec.check_weightable(rows=data.weighted, members=data.weighs_members)
    if calibrates and temperature_of(model) is None:
        raise ValueError(
            "`calibration` must be None or 'auto' to continue with a network that was fitted "
            f"without it; got {settings.calibration!r}. Set warm_start=False to fit a new one."
        )
    stopping: tuple[keras.callbacks.Callback, ...] = ()
    if settings.early_stopping is not None and not is_part:
        logs_any = overrides_logs(model)
        stopping = (build_early_stopping(settings.early_stopping, modes, logs_any=logs_any),)
    plan = TrainingPlan(
        epochs=1 if is_part else settings.epochs,
        first_epoch=network.record.n_epochs,
        batch_size=data.batch_size,
        shuffle=settings.shuffle,
        seed=state.seed,
        callbacks=progress.append_to(
            (*callbacks["callbacks"], *stopping, *callbacks["fit__callbacks"])
        ),
        jit_compile=state.compile_spec.jit_compile,
        options=_fit_options(settings.fit_options, data),
        verbose=int(parameters.settings.verbose),
        keeps_interrupted=request.keeps_interrupted,
    )
    if is_part:
        start_schedules(model, None)
    else:
        _start_schedules(model, data, plan)
    return plan


def _start_schedules(model: keras.Model, data: RunData, plan: TrainingPlan) -> None:
    """Tell schedules of the optimizer how many steps a plan has."""
    steps_per_epoch = data.training.n_steps(data.batch_size)
    start_schedules(model, None if steps_per_epoch is None else steps_per_epoch * plan.epochs)


def _fit_options(options: Mapping[str, object], data: RunData) -> Mapping[str, object]:
    """Replace -1, which means all rows; the batches of a stream are its own.

    An ensemble predicts the folds that it holds out, which may be all rows, in larger batches.
    """
    validation = data.validation
    if not isinstance(validation, TrainingData):
        return options
    size = options.get("validation_batch_size")
    if size == -1:
        size = validation.n_samples
    elif size is None and validation.weighs_members:
        size = max(data.batch_size, _HELD_OUT_ROWS_PER_BATCH)
    return options if size is None else {**options, "validation_batch_size": size}


def _extend(
    record: TrainingRecord,
    result: TrainingResult,
    plan: TrainingPlan,
    data: RunData,
    modes: Mapping[str, MetricMode],
) -> TrainingRecord:
    """Append what an engine returned to the record of earlier runs."""
    history, n_epochs = result.history, result.n_epochs
    due = [data.validation and is_due(plan, result.first_epoch + i) for i in range(n_epochs)]
    validated = tuple(record.n_epochs + i + 1 for i in range(n_epochs) if due[i])
    named = name_modes(modes, history)
    return record.extended(
        TrainingRecord(history, n_epochs, named, validated, result.engine, result.reason)
    )


def _progress_attributes(
    network: FittedNetwork,
    plan: TrainingPlan,
    data: RunData,
    modes: Mapping[str, MetricMode],
    history: History,
    n_epochs: int,
) -> dict[str, object]:
    """Return the fitted attributes that have changed, while the training goes on."""
    _check_weights(network.model)
    result = TrainingResult(history, n_epochs, first_epoch=plan.first_epoch)
    return _extend(network.record, result, plan, data, modes).attributes()


def _check_weights(model: keras.Model) -> None:
    """Raise if the last steps, after the last loss was computed, diverged."""
    if all(np.isfinite(values).all() for values in read_values(model)):
        return
    raise DivergenceError(
        "The weights must stay finite; training made some of them NaN or infinite. Usual causes: "
        "a learning rate that is too high (lower `optimizer__learning_rate`), or features on "
        "very large scales (keep `scaling`, or put a StandardScaler in front)."
    )
