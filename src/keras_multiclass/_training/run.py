"""One run of ``fit``, ``partial_fit`` or ``initialize``, from the user's data to fitted attributes.

It works on a twin of the estimator that only the run knows. The estimator itself takes the twin's
fitted attributes over when all has gone well, so a run that fails changes nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import keras
import numpy as np

from keras_multiclass._data.categories import Columns
from keras_multiclass._data.labels.codec import LabelCodec
from keras_multiclass._data.rows import TrainingData
from keras_multiclass._interop.sklearn_callbacks import EpochTasks, with_callbacks
from keras_multiclass._interop.tensorboard import name_of_run
from keras_multiclass._network.build import build_network
from keras_multiclass._network.compile import CompileSpec, restored_on_failure, same
from keras_multiclass._network.objective import inspect_output
from keras_multiclass._network.user_model import (
    adopt_compiled,
    build_whole_model,
    compile_arguments,
)
from keras_multiclass._shared.keras.copying import read_values
from keras_multiclass._shared.keras.environment import check_dtype, keras_environment, start_quietly
from keras_multiclass._shared.keras.object_names import fresh_names
from keras_multiclass._shared.keras.objects import extract
from keras_multiclass._shared.keras.schedules import start_schedules
from keras_multiclass._shared.messages import describe, did_you_mean, format_list
from keras_multiclass._shared.seeding import epoch_seed, resolve_seed, seeded
from keras_multiclass._shared.typing import History
from keras_multiclass._training.auto_parameters import compile_choices, resolved_parameters
from keras_multiclass._training.calibration import calibrate, set_temperature, temperature_of
from keras_multiclass._training.callbacks import build_callbacks
from keras_multiclass._training.engine import TrainingPlan, TrainingResult, train
from keras_multiclass._training.engine.base import EngineName
from keras_multiclass._training.engine.epochs import is_due
from keras_multiclass._training.prepare import describe_target
from keras_multiclass._training.progress import Progress, show_progress
from keras_multiclass._training.read import FitRequest, FoundData, KnownData, read_data
from keras_multiclass._training.settings import (
    Settings,
    is_auto,
    resolve_prediction,
    resolve_settings,
)
from keras_multiclass.exceptions import DivergenceError, TrainingInterruptedWarning

_SAMPLE_ROWS = 8
_LATER_NAMES = 10_000


@dataclass(frozen=True)
class FittedState:
    """What a fitted classifier has to remember beside its public attributes."""

    codec: LabelCodec
    recipe: CompileSpec
    choices: Mapping[str, Any]
    seed: int
    dtype: str
    vocabulary_size: int | None = None
    columns: Columns | None = None
    reads_table: bool = False
    run: str = field(default_factory=name_of_run)

    @property
    def reads_tokens(self) -> bool:
        """Whether X holds token ids rather than numbers."""
        return self.vocabulary_size is not None

    @cached_property
    def metric_modes(self) -> dict[str, str | None]:
        """Whether lower ("min") or higher ("max") values of each logged quantity are better."""
        modes: dict[str | None, str | None] = {"down": "min", "up": "max", None: None}
        return {name: modes[way] for name, way in self.recipe.directions().items()}


def run_fit(twin: Any, request: FitRequest) -> None:
    """Do what ``request`` says and set the fitted attributes of ``twin``.

    Parameters
    ----------
    twin : KerasMulticlassClassifier
        Holds the parameters and, when the request resumes, the fitted attributes.
    request : FitRequest
        The data and the task.
    """
    settings = resolve_settings(twin.get_params(deep=False), twin._routed)
    start_quietly()
    check_dtype(settings.dtype)
    verbose = 0 if request.task == "initialize" else settings.verbose
    with show_progress(verbose) as progress:
        if request.resume:
            _continue(twin, request, settings, twin._state, progress)
        else:
            _start(twin, request, settings, progress)


def _start(twin: Any, request: FitRequest, settings: Settings, progress: Progress) -> None:
    seed = resolve_seed(twin.random_state)
    with keras_environment(settings.dtype), seeded(epoch_seed(seed, 0)):
        data = read_data(twin, request, settings, seed, dtype=settings.dtype)
        settings = data.settings
        choices = compile_choices(twin, settings, data.choice)
        build = partial(_build, twin, data, choices)
        try:
            model, recipe, names = build()
        except ValueError as error:
            if "unique" not in str(error):
                raise
            with fresh_names(first=_LATER_NAMES):  # the builder uses layers that had names before
                model, recipe, names = build()
        recipe.compile(model)
        state = FittedState(
            data.codec,
            recipe,
            choices,
            seed,
            settings.dtype,
            vocabulary_size=data.facts.vocabulary_size,
            columns=data.facts.columns,
            reads_table=data.facts.is_table,
        )
        set_fitted(twin, model, state)
        if data.facts.is_table:
            twin.network_feature_names_ = np.array(names, dtype=object)
        twin.resolved_params_ = resolved_parameters(settings, data.choice, choices, data.batch_size)
        set_trained(twin, TrainingResult({}))
        if request.task != "initialize":
            _train(twin, request, data, settings, progress)


def _continue(
    twin: Any,
    request: FitRequest,
    settings: Settings,
    state: FittedState,
    progress: Progress,
) -> None:
    """Go on with the model of an earlier run, with the parameters as they are now."""
    with keras_environment(state.dtype), seeded(epoch_seed(state.seed, twin.n_iter_)):
        state.codec.check_same_classes(request.classes)
        known = KnownData(state.codec, state.reads_tokens, state.columns)
        data = read_data(twin, request, settings, state.seed, dtype=state.dtype, known=known)
        settings = data.settings
        choices = compile_choices(twin, settings, data.choice)
        changed = {k: v for k, v in choices.items() if not same(v, state.choices[k])}
        recipe = replace(state.recipe, **changed)
        with restored_on_failure(twin.model_, state.recipe):
            recipe.recompile(twin.model_, state.recipe)
            set_fitted(twin, twin.model_, replace(state, recipe=recipe, choices=choices))
            _train(twin, request, data, settings, progress)


def _build(
    twin: Any, data: FoundData, choices: dict[str, Any]
) -> tuple[keras.Model, CompileSpec, list[str]]:
    routed, sample, n_classes = twin._routed, data.sample, data.codec.n_classes
    class_names = tuple(map(str, data.codec.classes))
    if data.choice is not None:
        _refuse_routed(routed, "model", "`model` is None")
        model, names = build_network(
            data.choice,
            extract(routed, "backbone"),
            data.facts,
            n_classes=n_classes,
            scaling=data.settings.scaling,
            n_ensemble=int(data.settings.n_ensemble),
            calibrated=data.settings.calibration is not None,
        )
        has_members = data.choice.ensemble or data.settings.n_ensemble != 1
        recipe = CompileSpec(
            n_classes=n_classes,
            output_form="logits",
            ensemble=has_members,
            class_names=class_names,
            **choices,
        )
        return model, recipe, names
    if not (isinstance(twin.backbone, str) and twin.backbone == "auto"):
        raise ValueError(
            "`backbone` must stay 'auto' when `model` is given, for a whole model has hidden "
            "layers of its own; got both. Leave one of them out."
        )
    _refuse_for_whole_model(data.settings)
    _refuse_routed(routed, "backbone", "`model` is given")
    given = compile_arguments(choices, data.settings.compile_options)
    shown = sample.features(slice(_SAMPLE_ROWS))
    model, compiled = build_whole_model(
        twin.model,
        twin.get_params(deep=False),
        extract(routed, "model"),
        given,
        {**_describe_features(twin, sample), **describe_target(data.codec, data.y)},
        shown,
    )
    adopted = adopt_compiled(choices, compiled, given, open_optimizer=is_auto(twin.optimizer))
    form = inspect_output(model, n_classes, shown, loss=adopted["loss"])
    recipe = CompileSpec(n_classes=n_classes, output_form=form, class_names=class_names, **adopted)
    return model, recipe, []


def _refuse_for_whole_model(settings: Settings) -> None:
    """Refuse what changes the end of a network."""
    faults = []
    if settings.n_ensemble != 1:
        faults.append(
            "`n_ensemble` must be 'auto' or 1 when `model` is given, whose output stands already; "
            f"got {settings.n_ensemble}. Pass the network without its last layer as `backbone`, "
            "or wrap the classifier in sklearn.ensemble.BaggingClassifier."
        )
    if settings.calibration is not None:
        faults.append(
            "`calibration` must be None when `model` is given, whose output stands already; got "
            f"{settings.calibration!r}. Wrap the classifier in "
            "sklearn.calibration.CalibratedClassifierCV."
        )
    if faults:
        raise ValueError("\n".join(faults))


def _refuse_routed(routed: Mapping[str, Any], prefix: str, reason: str) -> None:
    lost = [name for name in routed if name.startswith(f"{prefix}__")]
    if lost:
        raise ValueError(f"`{lost[0]}` must reach a {prefix}, but {reason}. Remove it.")


def _describe_features(twin: Any, data: TrainingData) -> dict[str, Any]:
    names = getattr(twin, "feature_names_in_", None)
    return {
        "n_features_in_": twin.n_features_in_,
        "X_shape_": data.X.shape,
        "X_dtype_": data.X.dtype,
        **({} if names is None else {"feature_names_in_": names}),
    }


def _train(
    twin: Any,
    request: FitRequest,
    data: FoundData,
    settings: Settings,
    progress: Progress,
) -> None:
    recipe = twin._state.recipe
    if any(part is not None and part.weighted for part in (data.training, data.validation)):
        recipe.check_weightable()
    partial = request.task == "partial_fit"
    calibrates = settings.calibration is not None and not partial
    if calibrates and temperature_of(twin.model_) is None:
        raise ValueError(
            "`calibration` must be None to go on with a network that was fitted without it; got "
            f"{settings.calibration!r}. Set warm_start=False to fit a new one."
        )
    set_temperature(twin.model_, 1.0)
    stopping = None if partial else settings.early_stopping
    if stopping is not None:
        stopping = _with_mode(stopping, recipe)
    routed = twin._routed
    run = twin._state.run
    callbacks = build_callbacks(
        twin.callbacks, extract(routed, "callbacks"), stopping, run
    ) + build_callbacks(routed.get("fit__callbacks"), extract(routed, "fit__callbacks"), None, run)
    plan = TrainingPlan(
        epochs=1 if partial else int(settings.epochs),
        first_epoch=twin.n_iter_,
        batch_size=data.batch_size,
        shuffle=settings.shuffle,
        seed=twin._state.seed,
        callbacks=progress.append_to(callbacks),
        jit_compile=recipe.options.get("jit_compile", "auto"),
        options=settings.fit_options,
    )
    per_epoch = None if partial else data.training.n_steps(data.batch_size)
    start_schedules(twin.model_, None if per_epoch is None else per_epoch * plan.epochs)
    if request.task == "fit" and hasattr(twin, "_skl_callbacks"):
        result = _run_told_plan(twin, request, data, plan, settings.engine)
    else:
        result = _run_plan(twin, data, plan, settings.engine)
    if calibrates and data.validation is not None:
        engine, batch_size = resolve_prediction(twin.engine, twin._routed)
        calibrate(twin.model_, data.validation, engine, batch_size)
        twin.temperature_ = temperature_of(twin.model_)
    if result.interrupted:
        n_epochs = len(result.history["loss"])
        warnings.warn(
            f"Training was interrupted; the {n_epochs} of {plan.epochs} epochs that ended are "
            "kept, with the steps of the one under way, and the classifier is fitted.",
            TrainingInterruptedWarning,
            stacklevel=6,  # the line that calls `fit`
        )


@with_callbacks
def _run_told_plan(
    twin: Any,
    request: FitRequest,
    data: FoundData,
    plan: TrainingPlan,
    engine: EngineName,
) -> TrainingResult:
    """Train as `_run_plan` does, and tell scikit-learn's callbacks of it."""
    weight = request.sample_weight
    told = {
        "X": lambda: request.X,  # scikit-learn would call a function that is a stream
        "y": request.y,
        "metadata": None if weight is None else {"sample_weight": weight},
    }
    tasks = EpochTasks(twin, plan.epochs, told, partial(_progress, twin, plan))
    # After the others, which may have decided to stop.
    plan = replace(plan, callbacks=(*plan.callbacks, tasks))
    result = _run_plan(twin, data, plan, engine)
    tasks.end()
    return result


def _run_plan(twin: Any, data: FoundData, plan: TrainingPlan, engine: EngineName) -> TrainingResult:
    """Train, and set the attributes that tell of it."""
    result = train(engine, twin.model_, data.training, data.validation, plan)
    _check_weights(twin.model_)
    set_trained(twin, result, plan)
    return result


def _with_mode(stopping: Mapping[str, Any], recipe: CompileSpec) -> Mapping[str, Any]:
    """Check what early stopping is to monitor, and say where its better values lie."""
    monitor = stopping["monitor"]
    if monitor in ("loss", "val_loss"):
        return stopping
    logged = recipe.directions()
    known = {**{f"val_{name}": way for name, way in logged.items()}, **logged}
    if monitor not in known:
        raise ValueError(
            f"`early_stopping` must monitor one of {format_list(known)}; got {describe(monitor)}."
            f"{did_you_mean(monitor, known)} What is to be monitored must be in `metrics`, and be "
            "one number."
        )
    if stopping.get("mode", "auto") != "auto":
        return stopping
    direction = known[monitor]
    if direction is None:
        raise ValueError(
            f"`early_stopping` must have a 'mode', 'min' or 'max', to monitor {monitor!r}; got "
            "none, and whether it is better high or low is not known. Write early_stopping="
            f"{{'monitor': {monitor!r}, 'mode': 'max'}}."
        )
    return {**stopping, "mode": "max" if direction == "up" else "min"}


def _check_weights(model: keras.Model) -> None:
    """Find a step that diverged after the last loss had been computed."""
    if all(np.isfinite(values).all() for values in read_values(model)):
        return
    raise DivergenceError(
        "The weights must stay finite; training made some of them NaN or infinite. Usual causes: "
        "a learning rate that is too high (lower `optimizer__learning_rate`), or features on "
        "very large scales (keep `scaling`, or put a StandardScaler in front)."
    )


def _progress(twin: Any, plan: TrainingPlan, history: History) -> dict[str, Any]:
    """Compute the attributes that change with the epochs, while the training goes on."""
    _check_weights(twin.model_)
    return _joined(twin, history, plan)


def _joined(twin: Any, history: History, plan: TrainingPlan | None) -> dict[str, Any]:
    """Append the history of a run to that of the runs before."""
    joined = {name: [*values] for name, values in getattr(twin, "history_", {}).items()}
    for name, values in history.items():
        joined.setdefault(name, []).extend(values)
    modes = dict(getattr(twin, "metric_modes_", {}))
    for name in history:
        modes[name] = twin._state.metric_modes.get(name.removeprefix("val_"))
    return {
        "history_": joined,
        "n_iter_": len(joined.get("loss", [])),
        "metric_modes_": modes,
        "validated_epochs_": getattr(twin, "validated_epochs_", []) + _validated(history, plan),
    }


def _validated(history: History, plan: TrainingPlan | None) -> list[int]:
    """Return the epochs of a run, counted from 1, after which it validated."""
    if plan is None or "val_loss" not in history:
        return []
    epochs = plan.numbers[: len(history["loss"])]
    validated = [epoch + 1 for epoch in epochs if is_due(plan, epoch)]
    return validated[: len(history["val_loss"])]


def set_fitted(twin: Any, model: keras.Model, state: FittedState) -> None:
    """Set the attributes that tell of the network and what it is trained for."""
    twin.classes_ = state.codec.classes
    twin.n_classes_ = state.codec.n_classes
    twin.model_ = model
    twin.loss_ = model.loss
    twin._state = state


def set_trained(twin: Any, result: TrainingResult, plan: TrainingPlan | None = None) -> None:
    """Set the attributes that tell of the training, beside those of the runs before."""
    vars(twin).update(_joined(twin, result.history, plan))
    temperature = temperature_of(twin.model_)
    if temperature is not None:
        twin.temperature_ = temperature
    twin.engine_ = result.engine
    twin.engine_reason_ = result.reason
