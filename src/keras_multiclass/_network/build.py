"""Builds the network of one fit: input, standardisation, backbone and head; or a whole model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_multiclass._data.categories import Columns
from keras_multiclass._data.statistics import Scaling, Statistics
from keras_multiclass._network.backbones import TrainingDefaults, get_backbone, list_backbones
from keras_multiclass._network.backbones.registry import X_RANKS
from keras_multiclass._network.layers.heads import MemberAverage, MemberDense, Temperature
from keras_multiclass._network.scaling import standardized
from keras_multiclass._network.side_by_side import EnsembleNetwork, side_by_side
from keras_multiclass._network.table_preprocessing import read_table
from keras_multiclass._shared.keras.copying import copy_layer
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid
from keras_multiclass.exceptions import BackboneError

EMBEDDING_UNITS = 32
_MOST_COLUMNS = 1000  # of a table whose numbers are embedded


@dataclass(frozen=True)
class ResolvedBackbone:
    """A user's backbone, ready to be called on Keras tensors.

    ``scaled`` is whether ``scaling="auto"`` scales its inputs: networks that come with weights of
    their own usually expect raw input. ``head`` makes the layer that emits the logits.
    ``ensemble`` says that it gives the features of several members.
    """

    build: Callable[..., Any]
    label: str
    kind: str | None
    scaled: bool
    name: str | None = None
    recipe: TrainingDefaults = field(default_factory=TrainingDefaults)
    head: Callable[..., keras.Layer] = keras.layers.Dense
    ensemble: bool = False


def reads_tables(backbone: Any, model: Any) -> bool:
    """Whether X, if it is 2-d, is a table of numbers and categories with gaps.

    Networks of the user's that come with an input layer of their own read X as it is.
    """
    if model is not None or isinstance(backbone, keras.Layer):
        return False
    if isinstance(backbone, str) and backbone != "auto":
        return get_backbone(backbone).kind == "table"
    return True


def resolve_backbone(backbone: Any, shape: tuple[int, ...], dtype: Any) -> ResolvedBackbone:
    """Turn the ``backbone`` parameter into something to call on an input tensor."""
    if isinstance(backbone, str):
        name = _automatic_backbone(shape, dtype) if backbone == "auto" else backbone
        found = get_backbone(name)
        _check_rank(found.kind, name, shape)
        return ResolvedBackbone(
            found.builder,
            f"backbone {name!r}",
            found.kind,
            scaled=True,
            name=name,
            recipe=found.defaults or TrainingDefaults(),
            head=found.head or keras.layers.Dense,
            ensemble=found.ensemble,
        )
    if isinstance(backbone, keras.Layer):
        label = f"the {type(backbone).__name__} given as `backbone`"
        return ResolvedBackbone(lambda inputs: copy_layer(backbone)(inputs), label, None, False)
    if inspect.isclass(backbone) and issubclass(backbone, keras.Layer):
        label = f"the layer class {backbone.__name__} given as `backbone`"
        return ResolvedBackbone(_LayerClassBuilder(backbone), label, None, True)
    if callable(backbone) and not inspect.isclass(backbone):
        name = getattr(backbone, "__name__", type(backbone).__name__)
        return ResolvedBackbone(backbone, f"the backbone function {name}", None, True)
    raise BackboneError(
        invalid(
            "`backbone`",
            f"'auto', one of {format_list(list_backbones())}, a function (inputs, **params) -> "
            "tensor, or a headless keras.Model or keras.Layer",
            describe(backbone),
            "A network that already ends in a softmax goes to `model` instead.",
        )
    )


class _LayerClassBuilder:
    """Lets a layer class stand where a builder function does; its arguments are routed."""

    def __init__(self, layer_class: type[keras.Layer]) -> None:
        self.layer_class = layer_class
        own = inspect.signature(layer_class).parameters.values()
        inputs = inspect.Parameter("inputs", inspect.Parameter.POSITIONAL_ONLY)
        self.__signature__ = inspect.Signature(
            [inputs, *(p.replace(kind=_KEYWORD) if p.kind in _NAMED else p for p in own)]
        )

    def __call__(self, inputs: Any, /, **arguments: Any) -> Any:
        return self.layer_class(**arguments)(inputs)


_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _automatic_backbone(shape: tuple[int, ...], dtype: Any) -> str:
    """Tables by rank 2, images by rank 4 and 5 or as 8-bit rank 3, sequences by other rank 3."""
    rank = len(shape)
    if rank == 2:
        return "realmlp_small" if shape[1] <= _MOST_COLUMNS else "mlp"
    if rank == 3:
        return "cnn" if dtype == np.uint8 else "conv1d"
    return "cnn"


_SHAPES = {
    "table": "(n_samples, n_features)",
    "image": "(n_samples, height, width), (n_samples, height, width, channels) or "
    "(n_samples, depth, height, width, channels)",
    "sequence": "(n_samples, n_steps, n_features), or (n_samples, n_steps) for token ids",
}


def _check_rank(kind: str, name: str, shape: tuple[int, ...]) -> None:
    if len(shape) not in X_RANKS[kind]:
        suited = [n for n in list_backbones() if len(shape) in X_RANKS[get_backbone(n).kind]]
        raise BackboneError(
            invalid(
                f"X for backbone={name!r}",
                f"of shape {_SHAPES[kind]}",
                f"shape {shape}",
                f"Backbones for this shape: {format_list(suited)}.",
            )
        )


@dataclass(frozen=True)
class InputFacts:
    """What a network has to be told of the training rows.

    Attributes
    ----------
    shape : tuple of int
        Shape of one row.
    statistics : Statistics
        Of the weighted rows.
    vocabulary_size : int or None
        How many token ids there are; None if X holds no token ids.
    is_table : bool
        Whether X is a table, which may have categories and gaps.
    columns : Columns or None
        Which columns are categories.
    names : sequence of str
        Names of the columns of a table.
    """

    shape: tuple[int, ...]
    statistics: Statistics
    vocabulary_size: int | None = None
    is_table: bool = False
    columns: Columns | None = None
    names: Sequence[str] = ()


def build_network(
    choice: ResolvedBackbone,
    arguments: Mapping[str, Any],
    facts: InputFacts,
    *,
    n_classes: int,
    scaling: str | None,
    n_ensemble: int = 1,
    calibrated: bool = False,
) -> tuple[keras.Model, list[str]]:
    """Build input, preprocessing, backbone and a head that emits one logit for each class.

    Parameters
    ----------
    choice : ResolvedBackbone
        The backbone.
    arguments : mapping
        Routed to its builder.
    facts : InputFacts
        Of the training rows.
    n_classes : int
        Number of classes.
    scaling : str or None
        How numbers are scaled.
    n_ensemble : int, default=1
        How many times backbone and head are built, behind the same preprocessing.
    calibrated : bool, default=False
        Whether the network gets a temperature.

    Returns
    -------
    model : keras.Model
        The network.
    names : list of str
        Names of the inputs of the backbone, if X is a table.
    """
    wide = "float64" if keras.config.floatx() == "float64" else "float32"
    check_arguments(choice.build, arguments, prefix="backbone", target=choice.label, skip=1)
    dtype = "int32" if facts.vocabulary_size else wide
    inputs = keras.Input(facts.shape, dtype=dtype, name="features")
    x, provided, names = _read_inputs(inputs, choice, facts, scaling)

    def build(x: Any, provided: Mapping[str, Any]) -> Any:
        features = _call_builder(choice, x, {**arguments, **provided})
        _check_features(features, choice)
        return _head(choice, features, n_classes, wide)

    several = n_ensemble > 1
    logits = side_by_side(build, x, provided, n_ensemble) if several else build(x, provided)
    if several or choice.ensemble:
        logits = MemberAverage(dtype=wide, name="logits")(logits)
    if calibrated:
        logits = Temperature(dtype=wide, name="temperature")(logits)
    return (EnsembleNetwork if several else keras.Model)(inputs, logits), names


def _head(choice: ResolvedBackbone, features: Any, n_classes: int, dtype: str) -> Any:
    """Put logits on the features, of rank 2, or of rank 3 with the members as the second axis."""
    if choice.ensemble:
        return MemberDense(n_classes, dtype=dtype, name="member_logits")(features)
    return choice.head(n_classes, dtype=dtype, name="logits")(features)


def _read_inputs(
    inputs: Any, choice: ResolvedBackbone, facts: InputFacts, scaling: str | None
) -> tuple[Any, dict[str, Any], list[str]]:
    """Put the layers behind the input that make it what a backbone reads.

    Returns
    -------
    x : KerasTensor
        What the backbone reads.
    provided : dict
        What else its builder asked for.
    names : list of str
        Names of the columns of ``x``, if X is a table.
    """
    if facts.is_table:
        read = read_table(inputs, facts.columns, facts.statistics, scaling, facts.names)
        told = {"table": read.table} if _takes(choice, "table") else {}
        return read.x, told, read.names
    masked = _takes_mask(choice, facts.shape)
    if facts.vocabulary_size:
        known = ops.minimum(inputs, facts.vocabulary_size - 1)
        x = keras.layers.Embedding(facts.vocabulary_size, EMBEDDING_UNITS)(known)
        mask = ops.not_equal(inputs, 0)
    else:
        x = inputs
        mask = ops.any(ops.not_equal(inputs, 0), axis=-1) if masked else None
        if scaling is not None:
            found = pixels_or_steps(choice, facts.shape)
            x = standardized(x, *facts.statistics.moments(found), grey=found.grey)
    return x, {"mask": mask} if masked else {}, []


def check_scaling(scaling: str | None, is_table: bool) -> None:
    """Refuse a way of scaling that is for tables alone."""
    if not is_table and scaling in ("robust", "quantile"):
        raise ValueError(
            invalid(
                "`scaling`",
                "'auto', 'standard' or None unless X is a table for a table backbone",
                repr(scaling),
            )
        )


def pixels_or_steps(choice: ResolvedBackbone, shape: tuple[int, ...]) -> Scaling:
    """Say what counts as one feature when rows of a shape are standardised."""
    grey = choice.kind == "image" and len(shape) == 2
    return Scaling(grey=grey, masked=_takes_mask(choice, shape))


def _takes_mask(choice: ResolvedBackbone, shape: tuple[int, ...]) -> bool:
    may = choice.kind == "sequence" or (choice.kind is None and len(shape) == 2)
    return may and _takes(choice, "mask")


def _takes(choice: ResolvedBackbone, name: str) -> bool:
    try:
        return name in inspect.signature(choice.build).parameters
    except (TypeError, ValueError):
        return False


def _call_builder(choice: ResolvedBackbone, x: Any, arguments: Mapping[str, Any]) -> Any:
    try:
        return choice.build(x, **arguments)
    except BackboneError:
        raise
    except Exception as error:
        raise BackboneError(
            f"Building with {choice.label} failed on inputs of shape {x.shape}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _check_features(features: Any, choice: ResolvedBackbone) -> None:
    shape = "(batch, n_members, n_features)" if choice.ensemble else "(batch, n_features)"
    if not keras.backend.is_keras_tensor(features):
        raise BackboneError(
            invalid(
                f"What {choice.label} returns",
                f"one Keras tensor of features of shape {shape}",
                describe(features),
                "Return the output of the last layer; a whole keras.Model goes to `model`.",
            )
        )
    sizes = features.shape[1:]
    if len(sizes) != 1 + choice.ensemble or None in sizes:
        raise BackboneError(
            invalid(
                f"What {choice.label} returns",
                f"a tensor of shape {shape} with a known number of features",
                f"shape {tuple(features.shape)}",
                "Register it without `ensemble`, or give the members an axis of their own."
                if choice.ensemble
                else "End it with a Flatten or global pooling layer (pooling='avg' in "
                "keras.applications).",
            )
        )


def check_arguments(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    prefix: str,
    target: str,
    skip: int = 0,
) -> None:
    """Compare routed arguments with a builder's signature; raise one error naming near ones."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[skip:]
    except (TypeError, ValueError):  # no signature to compare with
        return
    named = {p.name: p for p in parameters if p.kind in _NAMED and p.name not in _PROVIDED[prefix]}
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for name in arguments:
            if name not in named:
                raise BackboneError(
                    f"`{prefix}__{name}` must be an argument that {target} takes "
                    f"({format_list(named) or 'it takes none'}).{did_you_mean(name, named)}"
                )
    missing = [name for name, p in named.items() if p.default is p.empty and name not in arguments]
    if missing:
        wanted = format_list(f"{prefix}__{name}" for name in missing)
        raise BackboneError(f"{target} needs arguments that were not given: pass {wanted}.")


# What a builder may ask for and we give; not for the user to pass.
_PROVIDED = {"backbone": ("mask", "table"), "model": ("meta", "compile_kwargs", "params")}


def check_model(model: Any, sample: np.ndarray) -> keras.Model:
    """Make sure that a whole model is a Keras model, and build it when it is not yet built."""
    if not isinstance(model, keras.Model):
        raise BackboneError(
            invalid(
                "What the `model` builder returns",
                "a keras.Model",
                describe(model),
                "A function that returns features for our own head goes to `backbone`.",
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
