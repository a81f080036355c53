"""Every use of what Keras does not document as public.

`UNDOCUMENTED` gives for each name its purpose, and what happens in a version of Keras without it.
CONTRIBUTING.md repeats the table; a test keeps the two equal.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

try:
    # The only public function for this is `clear_session`, which also resets the user's settings.
    from keras.src.backend.common import global_state
except ImportError:
    global_state = None
try:
    from keras.src.utils.tracking import Tracker
except ImportError:
    Tracker = None

UNDOCUMENTED = {
    "global_state": (
        "numbers layers, optimizers and metrics from the start for each network",
        "names count up over the process, and equal networks do not share traces",
    ),
    "object_name_uids": ("the counters of names in `global_state`", "as without `global_state`"),
    "dtype policy in `global_state`": (
        "whether a thread has a dtype policy of its own",
        "a thread keeps the policy that it had during its first fit or prediction",
    ),
    "global_seed_generator": (
        "the seeds that `keras.random` draws in `global_state`, kept apart for each fit",
        "layers without seeds of their own draw from the generator of the process",
    ),
    "finalize_state": (
        "recomputes the tensors that `Normalization` derives from its weights",
        "loading the layer's own variables recomputes them; the Keras engine trains",
    ),
    "adapt_mean": (
        "the mean of `Normalization` as a weight, so that all rows share a trace",
        "mean and variance are arguments of the layer, and traces are not shared",
    ),
    "adapt_variance": ("the variance of `Normalization` as a weight", "as without `adapt_mean`"),
    "Model.reset_metrics": (
        "overridden on the model, lets metrics run on over the batches of an epoch",
        "the Keras engine raises an error instead of logging the last batch alone",
    ),
    "_loss_tracker": (
        "averages the loss over batches by their sums of weights instead of their numbers of rows",
        "training with weights raises an error",
    ),
    "_direction": (
        "whether larger or smaller values of a metric are better",
        "the direction is unknown, and callbacks need an explicit `mode`",
    ),
    "_should_trace": (
        "whether `TensorBoard` profiles batches",
        "`TensorBoard` counts as acting on batches, and the Keras engine trains",
    ),
    "_exclude_from_weight_decay": (
        "whether weight decay excludes some variables",
        "optimizers with weight decay update each variable on its own",
    ),
    "_exclude_from_weight_decay_pattern": (
        "names of the variables excluded from weight decay, for copies of an optimizer",
        "instances of optimizers with weight decay are rejected",
    ),
    "_fn_kwargs": (
        "arguments of losses and metrics that `get_config` leaves out",
        "instances of these classes are rejected",
    ),
    "overwrite_with_gradient": (
        "whether a gradient replaces its variable",
        "it never does: only versions of Keras with this name have such variables",
    ),
    "CompileMetrics.metrics": (
        "the metrics in the container of compiled metrics",
        "the network has no description, and shares no traces",
    ),
    "Tracker": (
        "which variables and metrics a metric or optimizer has, for copies and pickles of it",
        "a copy may list a variable twice, and pickles need cloudpickle, which joblib uses",
    ),
    "_compile_config": (
        "the arguments that a model was compiled with, as the user passed them",
        "`get_compile_config` describes them, which fails for losses and metrics of one's own",
    ),
    "_initial_epoch": (
        "the epoch at which `BackupAndRestore` resumes an interrupted training",
        "the weights are restored, and all epochs are trained again",
    ),
    "names of slots": (
        "the weight of each slot of an optimizer: its path, then the kind of slot",
        "optimizers update each variable on its own",
    ),
}

_COUNTERS = "object_name_uids"


def get_name_counters() -> Any:
    """Return the counters by which Keras numbers its objects; None if they are unknown."""
    return None if global_state is None else global_state.get_global_attribute(_COUNTERS)


def set_name_counters(counters: Any) -> None:
    """Replace the counters by which Keras numbers its objects, if they are known."""
    if global_state is not None:
        global_state.set_global_attribute(_COUNTERS, counters)


@contextlib.contextmanager
def dtype_policy_of_thread(dtype: str) -> Iterator[None]:
    """Set the dtype policy of this thread inside, then restore that it had none, or another."""
    name = "dtype_policy"
    if global_state is None:
        previous = keras.config.dtype_policy()
        keras.config.set_dtype_policy(dtype)
        try:
            yield
        finally:
            keras.config.set_dtype_policy(previous)
        return
    previous = global_state.get_global_attribute(name)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        global_state.set_global_attribute(name, previous)


@contextlib.contextmanager
def own_seed_generator(seed: int) -> Iterator[None]:
    """Let `keras.random` draw its seeds from a new generator inside, then from that of before.

    Parameters
    ----------
    seed : int
        The seed of the new generator.
    """
    if global_state is None:
        yield
        return
    name = "global_seed_generator"
    previous = global_state.get_global_attribute(name)
    generator = keras.random.SeedGenerator(seed, name="global_seed_generator")
    global_state.set_global_attribute(name, generator)
    try:
        yield
    finally:
        global_state.set_global_attribute(name, previous)


def normalize(
    x: Any, mean: np.ndarray | float, variance: np.ndarray | float, **options: Any
) -> Any:
    """Apply a `keras.layers.Normalization` layer with known statistics.

    They are weights and not arguments of the layer, so that networks for other rows have the same
    structure.

    Parameters
    ----------
    x : KerasTensor
        What to normalize.
    mean, variance : float or ndarray
        The statistics.
    **options
        Further arguments of the layer.
    """
    layer = keras.layers.Normalization(**options)
    normalized = layer(x)
    try:
        layer.adapt_mean.assign(mean)
        layer.adapt_variance.assign(variance)
    except AttributeError:
        return keras.layers.Normalization(mean=mean, variance=variance, **options)(x)
    refresh_derived([layer])
    return normalized


def refresh_derived(layers: Iterable[keras.Layer]) -> None:
    """Recompute the tensors that layers keep besides their variables, after an assignment."""
    for layer in _normalizations(layers):
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
        else:
            store: dict[str, Any] = {}
            layer.save_own_variables(store)
            layer.load_own_variables(store)


@contextlib.contextmanager
def derived_from_variables(layers: Iterable[keras.Layer]) -> Iterator[None]:
    """Recompute the tensors that layers keep besides their variables; restore them afterwards.

    Raises
    ------
    AttributeError
        If this version of Keras cannot do that inside a trace.
    """
    normalizations = _normalizations(layers)
    own = [dict(vars(layer)) for layer in normalizations]
    try:
        for layer in normalizations:
            layer.finalize_state()
        yield
    finally:
        for layer, attributes in zip(normalizations, own, strict=True):
            vars(layer).update(attributes)


def _normalizations(layers: Iterable[keras.Layer]) -> list[Any]:
    return [x for x in layers if isinstance(x, keras.layers.Normalization) and x.built]


@contextlib.contextmanager
def kept_metrics(model: keras.Model) -> Iterator[None]:
    """Let the metrics run on in a `train_on_batch` or `test_on_batch`, which may reset them."""
    vars(model)["reset_metrics"] = lambda: None
    try:
        yield
    finally:
        del vars(model)["reset_metrics"]


@functools.cache
def can_keep_metrics() -> bool:
    """Whether `kept_metrics` works in this version of Keras."""
    previous = get_name_counters()
    set_name_counters(None)
    try:
        output = keras.layers.Dense(1, kernel_initializer="ones", trainable=False)
        model = keras.Sequential([keras.Input((1,)), output])
        model.compile(keras.optimizers.SGD(), "mse", run_eagerly=True)
        model.reset_metrics()
        loss = 0.0
        for value in (1.0, 3.0):
            with kept_metrics(model):
                x = np.full((1, 1), value, "float32")
                loss = model.test_on_batch(x, np.zeros((1, 1), "float32"), return_dict=True)["loss"]
        return bool(np.isclose(float(loss), 5.0))  # the mean of 1 and 9
    finally:
        set_name_counters(previous)


_batch = threading.local()


@contextlib.contextmanager
def loss_tracker_weight(model: keras.Model, count: Any) -> Iterator[None]:
    """Let the loss of the batch inside count as ``count`` rows in the loss that Keras logs.

    Parameters
    ----------
    model : keras.Model
        Compiled; the block calls its training or test step once.
    count : tensor
        A scalar.

    Raises
    ------
    NotImplementedError
        If this version of Keras keeps the loss elsewhere.
    """
    tracker = getattr(model, "_loss_tracker", None)
    if tracker is not None and "update_state" not in vars(tracker):
        vars(tracker)["update_state"] = functools.partial(_update_loss, tracker)
    previous = getattr(_batch, "count", None)
    _batch.count = count
    try:
        yield
        if tracker is None or _batch.count is not None:
            raise NotImplementedError(f"Keras {keras.__version__} does not track the loss as known")
    finally:
        _batch.count = previous


def _update_loss(tracker: keras.metrics.Metric, loss: Any, sample_weight: Any = None) -> None:
    """Count a loss as `loss_tracker_weight` says, and as Keras does outside of it."""
    count = getattr(_batch, "count", None)
    _batch.count = None
    type(tracker).update_state(tracker, loss, sample_weight if count is None else count)


def direction_of(metric: keras.metrics.Metric) -> Any:
    """Return "up" or "down", where better values of a metric are; None if that is unknown."""
    return getattr(metric, "_direction", None)


def set_direction(metric: keras.metrics.Metric, direction: str) -> None:
    """Tell Keras' callbacks with ``mode="auto"`` which values of a metric are better."""
    metric._direction = direction


def profiles_batches(callback: keras.callbacks.TensorBoard) -> bool:
    """Whether a `TensorBoard` callback may profile batches."""
    return bool(getattr(callback, "_should_trace", True))


def may_spare_from_decay(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether an optimizer may decay some variables and not others."""
    if not optimizer.weight_decay:
        return False
    return hasattr(optimizer, "_exclude_from_weight_decay") or not _knows_exclusions()


@functools.cache
def _knows_exclusions() -> bool:
    with_exclusions = keras.optimizers.SGD()
    with_exclusions.exclude_from_weight_decay(var_names=["bias"])
    return hasattr(with_exclusions, "_exclude_from_weight_decay") and hasattr(
        with_exclusions, "_exclude_from_weight_decay_pattern"
    )


def replaces_by_gradient(variable: keras.Variable) -> bool:
    """Whether an optimizer assigns the gradient to a variable instead of stepping along it."""
    return bool(getattr(variable, "overwrite_with_gradient", False))


def compiled_metrics(metrics: Iterable[Any]) -> Iterator[keras.metrics.Metric]:
    """Yield the metrics of a model, those in Keras' container of compiled metrics included.

    Raises
    ------
    NotImplementedError
        If the container does not list them.
    """
    for metric in metrics:
        inner = getattr(metric, "metrics", None)
        if inner is not None:
            yield from compiled_metrics(inner)
        elif type(metric).__name__ == "CompileMetrics":
            raise NotImplementedError("this version of Keras does not list the compiled metrics")
        else:
            yield metric


def is_tracker(value: Any) -> bool:
    """Whether a value is the part of a Keras object that collects its variables and metrics."""
    return Tracker is not None and isinstance(value, Tracker)


def tracker_state(tracker: Any) -> dict[str, Any]:
    """Return the attributes of a tracker, without addresses and with tests that can be pickled."""
    state = {name: value for name, value in vars(tracker).items() if name != "stored_ids"}
    state["config"] = {
        name: (_TRACKED.get(name, test), store) for name, (test, store) in tracker.config.items()
    }
    return state


def set_tracker_state(tracker: Any, state: dict[str, Any]) -> None:
    """Set the attributes of a copied tracker, which collects copies."""
    vars(tracker).update(state)
    stores = {name: store for name, (_, store) in tracker.config.items()}
    tracker.stored_ids = {name: set(map(id, store)) for name, store in stores.items()}


def _is_variable(value: Any) -> bool:
    return isinstance(value, keras.Variable)


def _is_metric(value: Any) -> bool:
    return isinstance(value, keras.metrics.Metric)


_TRACKED = {"variables": _is_variable, "metrics": _is_metric}


def compile_arguments_of(model: keras.Model) -> dict[str, Any]:
    """Return the arguments of the last ``compile`` of a model, the objects themselves.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    """
    arguments = getattr(getattr(model, "_compile_config", None), "config", None)
    if isinstance(arguments, dict):
        return dict(arguments)
    config: dict[str, Any] = model.get_compile_config() or {}
    return {n: keras.saving.deserialize_keras_object(value) for n, value in config.items()}


def take_initial_epoch(model: keras.Model) -> int:
    """Return the epoch at which a callback wants the training to begin, and forget it.

    Parameters
    ----------
    model : keras.Model
        The model.
    """
    epoch = getattr(model, "_initial_epoch", None) or 0
    if epoch:
        model._initial_epoch = None
    return int(epoch)


def slots_of(
    optimizer: keras.optimizers.Optimizer, trainable: Sequence[keras.Variable]
) -> dict[str, list[keras.Variable]] | None:
    """Group the slots of an optimizer by kind.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
        Built.
    trainable : sequence of keras.Variable
        The weights.

    Returns
    -------
    dict of str to list of keras.Variable, or None
        For each kind (``"momentum"``, ``"velocity"``) the slots in the order of the weights; None
        if the names do not identify them.
    """
    remaining = [v for v in optimizer.variables if len(v.shape)]
    kinds: dict[str, dict[int, keras.Variable]] = {}
    for number, weight in enumerate(trainable):
        prefix = weight.path.replace("/", "_") + "_"
        for variable in [v for v in remaining if v.name.startswith(prefix)]:
            of_kind = kinds.setdefault(variable.name.removeprefix(prefix), {})
            if number not in of_kind:  # otherwise it belongs to a later weight of the same name
                of_kind[number] = variable
                remaining = [v for v in remaining if v is not variable]
    if remaining or any(len(of_kind) != len(trainable) for of_kind in kinds.values()):
        return None
    return {kind: [slots[n] for n in range(len(trainable))] for kind, slots in kinds.items()}


class WeightDecayExclusion(NamedTuple):
    """Variables that an optimizer does not decay.

    Attributes
    ----------
    pattern : str or None
        Regular expression found in the names of excluded variables.
    variable_keys : frozenset
        Keys of the variables that were excluded one by one.
    """

    pattern: str | None
    variable_keys: frozenset[Any]


def weight_decay_exclusion(optimizer: keras.optimizers.Optimizer) -> WeightDecayExclusion:
    """Return what ``optimizer.exclude_from_weight_decay`` was called with.

    Keras has no public way to read it back, and ``get_config`` leaves it out.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
        The optimizer to read from.

    Raises
    ------
    ValueError
        If the optimizer has weight decay, and this version of Keras keeps the exclusion elsewhere.
    """
    if optimizer.weight_decay and not _knows_exclusions():
        raise ValueError(
            "An optimizer with weight decay must be passed by name or class; got an instance of "
            f"{type(optimizer).__name__}, and this version of Keras does not say which variables "
            "it excludes from weight decay. Pass the class, and its arguments as optimizer__*."
        )
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    keys = getattr(optimizer, "_exclude_from_weight_decay", ())
    return WeightDecayExclusion(None if pattern is None else pattern.pattern, frozenset(keys))


def wrapped_arguments(instance: Any) -> dict[str, Any]:
    """Return the arguments that a loss or metric passes on to the function it wraps.

    Some classes leave theirs out of ``get_config``, such as ``axis`` of ``CosineSimilarity``.

    Parameters
    ----------
    instance : object
        A loss, metric or another Keras object.

    Raises
    ------
    ValueError
        If `instance` is of such a class, and this version of Keras keeps the arguments elsewhere.
    """
    if hasattr(instance, "_fn_kwargs") or _knows_wrapped_arguments():
        return dict(getattr(instance, "_fn_kwargs", {}))
    unreported = _unreported_arguments(instance)
    if unreported:
        raise ValueError(
            f"An instance of {type(instance).__name__} cannot be copied, because this version of "
            f"Keras does not say what its argument {unreported[0]!r} is. Pass the class, and its "
            "arguments as loss__* or metrics__*."
        )
    return {}


@functools.cache
def _knows_wrapped_arguments() -> bool:
    return "axis" in getattr(keras.losses.CosineSimilarity(), "_fn_kwargs", {})


def _unreported_arguments(instance: Any) -> list[str]:
    """List the arguments of a loss or metric of Keras that its configuration leaves out."""
    cls = type(instance)
    is_wrapper = isinstance(instance, (keras.losses.Loss, keras.metrics.Metric))
    if not is_wrapper or cls.__module__.partition(".")[0] != "keras":
        return []
    names = inspect.signature(cls).parameters.keys() - {"name", "dtype", "reduction"}
    return sorted(names - instance.get_config().keys())
