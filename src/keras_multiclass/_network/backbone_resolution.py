"""The parameters `backbone` and `model` before X is read, and the builder chosen for X."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from keras_multiclass._data.statistics import Standardization
from keras_multiclass._data.text import TextForm
from keras_multiclass._network.backbones import TrainingDefaults, get_backbone, list_backbones
from keras_multiclass._network.backbones.registry import X_RANKS
from keras_multiclass._network.builder_arguments import NAMED, takes
from keras_multiclass._network.integer_inputs import integer_input, with_integer_input
from keras_multiclass._network.user_networks import check_reads_strings, copy_network
from keras_multiclass._shared.messages import describe, format_list, invalid, warn
from keras_multiclass.exceptions import BackboneError

_MOST_EMBEDDED_COLUMNS = 1000  # "auto" embeds the numbers of tables with at most so many columns
_MOST_ROWS_OF_SMALL_TABLE = 2000
# Of rows of rank 2, squares of this size are images; others may be if their sides are long enough
# and not too different.
_SHORTEST_SQUARE = 8
_SHORTEST_IMAGE = 16
_MOST_UNEQUAL = 1.5
# Rows of images with so many channels, and rows of so few steps with so many times more channels,
# may have the channels first.
_CHANNELS = (1, 3, 4)
_MOST_SERIES = 16
_TIMES_LONGER = 40
_SHAPES = {
    "table": "(n_samples, n_features)",
    "image": "(n_samples, height, width), (n_samples, height, width, channels) or "
    "(n_samples, depth, height, width, channels)",
    "sequence": "(n_samples, n_steps, n_features), or (n_samples, n_steps) for token ids",
    "text": "a 1-d array, list or series of strings",
}
_TEXT_KINDS = ("text", "sequence")


@dataclass(frozen=True)
class Recommendation:
    """The registered backbone of a network, and what it recommended for the training rows.

    Attributes
    ----------
    backbone : str
        Name of the backbone.
    defaults : TrainingDefaults
        Training parameters.
    """

    backbone: str
    defaults: TrainingDefaults


@dataclass(frozen=True)
class ResolvedBackbone:
    """A backbone for X of a certain shape, ready to be called on Keras tensors.

    Attributes
    ----------
    build : callable
        Takes Keras tensors and arguments; returns features.
    label : str
        Its name in messages.
    kind : {"table", "sequence", "image", "text"} or None
        The inputs it is made for; None for the user's own.
    scales_inputs : bool
        Whether ``scaling="auto"`` scales its inputs. Networks with weights of their own usually
        expect raw inputs.
    name : str or None
        The registered name.
    defaults : TrainingDefaults
        Training parameters that it recommends.
    head : callable
        Builds the layer that emits the logits.
    ensemble : bool
        Whether it returns the features of several members.
    stacked : bool
        Whether it builds the members of an ensemble as one network.
    """

    build: Callable[..., Any]
    label: str
    kind: str | None
    scales_inputs: bool
    name: str | None = None
    defaults: TrainingDefaults = field(default_factory=TrainingDefaults)
    head: Callable[..., keras.Layer] = keras.layers.Dense
    ensemble: bool = False
    stacked: bool = False

    @property
    def recommendation(self) -> Recommendation | None:
        """What further training of the network keeps; None for a builder of the user's own."""
        return None if self.name is None else Recommendation(self.name, self.defaults)

    def takes(self, argument: str) -> bool:
        """Whether the builder has a parameter of this name."""
        return takes(self.build, argument)

    def takes_mask(self, row_shape: tuple[int, ...]) -> bool:
        """Whether the builder wants the mask of the steps of rows of this shape."""
        may_be_sequence = self.kind == "sequence" or (self.kind is None and len(row_shape) == 2)
        return may_be_sequence and self.takes("mask")

    def standardization(
        self, row_shape: tuple[int, ...], *, skip_padding: bool = False
    ) -> Standardization:
        """Return which values count when rows of this shape are standardized."""
        is_grey = self.kind == "image" and len(row_shape) == 2
        return Standardization(single_channel=is_grey, skip_padding=skip_padding)


@dataclass(frozen=True)
class NetworkParameters:
    """The parameters `backbone` and `model` before X is read.

    Attributes
    ----------
    backbone, model : object
        The values of the parameters.
    table_default, small_table_default : str
        The backbones that ``"auto"`` is for tables, and for those of up to 2,000 rows.
    integer_dtype : str or None
        Dtype of the user's own input layer, if it is for integers and known.
    is_text : bool
        Whether X holds texts.
    """

    backbone: object
    model: object = None
    table_default: str = "mlp"
    small_table_default: str = "mlp"
    integer_dtype: str | None = None
    is_text: bool = False

    @classmethod
    def of(
        cls, backbone: object, model: object, table_default: str, small_table_default: str
    ) -> NetworkParameters:
        """Return the parameters, and how an input layer in one of them reads X."""
        dtype = integer_input(backbone if model is None else model)
        return cls(backbone, model, table_default, small_table_default, dtype)

    @property
    def reads_tables(self) -> bool:
        """Whether X of rank 2 is a table, with categories and missing values.

        The user's own networks that have an input layer read X unchanged.
        """
        if self.model is not None or isinstance(self.backbone, keras.Layer):
            return False
        kind = self._registered_kind
        return kind is None or kind == "table"

    def reads_raw(self, scaling: object) -> bool:
        """Whether the user's own network reads X unchanged, with this parameter `scaling`."""
        if self.model is not None or isinstance(self.backbone, keras.Layer):
            return True
        return scaling is None and not isinstance(self.backbone, str)

    @property
    def reads_token_ids(self) -> bool:
        """Whether X of rank 2 holds token ids."""
        return self.model is None and self._registered_kind == "sequence"

    @property
    def text_form(self) -> TextForm:
        """What the network reads of texts."""
        if self.model is not None or isinstance(self.backbone, keras.Layer):
            if self.model is None:
                check_reads_strings(self.backbone, "backbone")
            return "strings"
        if not isinstance(self.backbone, str):
            return "sequence"
        kind = self._registered_kind or "text"
        if kind not in _TEXT_KINDS:
            raise _unsuited(self.backbone, "strings")
        return "sequence" if kind == "sequence" else "bag"

    @property
    def _registered_kind(self) -> str | None:
        if isinstance(self.backbone, str) and self.backbone != "auto":
            return get_backbone(self.backbone).kind
        return None

    def resolve(
        self,
        shape: tuple[int, ...],
        n_rows: int | None = None,
        known: Recommendation | None = None,
    ) -> ResolvedBackbone | None:
        """Choose the builder for X.

        Parameters
        ----------
        shape : tuple of int
            Shape of X.
        n_rows : int, default=None
            Number of rows to train on; None if it is not known.
        known : Recommendation, default=None
            What was recommended when the network was built; None for a new one.

        Returns
        -------
        ResolvedBackbone or None
            None for a whole `model`.

        Raises
        ------
        BackboneError
            If `backbone` is of a wrong type, is unknown, or cannot read X of this shape.
        """
        if self.model is not None:
            return None
        if not isinstance(self.backbone, str):
            return _of_the_user(self.backbone)
        if known is not None:
            resolved = _registered(known.backbone, shape, is_text=self.is_text)
            return replace(resolved, defaults=known.defaults)
        automatic = self.backbone == "auto"
        name = self._automatic(shape, n_rows) if automatic else self.backbone
        resolved = _registered(name, shape, is_text=self.is_text)
        return replace(resolved, defaults=resolved.defaults.for_rows(n_rows))

    def _automatic(self, shape: tuple[int, ...], n_rows: int | None) -> str:
        """Rank 2 is a table; rank 4 and 5, and squares of rank 3, images; the rest, sequences."""
        if self.is_text:
            return "bag_of_ngrams"
        rank = len(shape)
        if rank == 2:
            if shape[1] > _MOST_EMBEDDED_COLUMNS:
                return "mlp"
            is_small = n_rows is not None and n_rows <= _MOST_ROWS_OF_SMALL_TABLE
            return self.small_table_default if is_small else self.table_default
        return "cnn" if rank > 3 or _is_square(*shape[1:]) else "conv1d"

    def warn_if_ambiguous(self, shape: tuple[int, ...]) -> None:
        """Warn if the shape of X is ambiguous, or read otherwise than Keras' settings suggest.

        Parameters
        ----------
        shape : tuple of int
            Shape of X.
        """
        if self.is_text or self.model is not None or isinstance(self.backbone, keras.Layer):
            return
        if len(shape) > 2 and keras.config.image_data_format() == "channels_first":
            warn(
                "Keras' image_data_format 'channels_first' has no effect on how X is read: its "
                f"last axis holds the channels, {shape[-1]} here. Move them if they are first, "
                "np.moveaxis(X, 1, -1), and reset the setting: "
                "keras.config.set_image_data_format('channels_last')."
            )
            return
        if not isinstance(self.backbone, str):
            return
        if self.backbone == "auto" and len(shape) == 3:
            _warn_if_ambiguous(*shape[1:])
        if _has_channels_first(shape[1:]):
            swap = "np.swapaxes(X, 1, 2)" if len(shape) == 3 else "np.moveaxis(X, 1, -1)"
            warn(
                f"X seems to have its channels first: backbone={self.backbone!r} reads rows of "
                f"shape {tuple(shape[1:])} as having {shape[-1]} channels. If they are first, "
                f"pass {swap}."
            )


def _has_channels_first(row_shape: tuple[int, ...]) -> bool:
    """Whether rows look like images or sequences whose first axis holds the channels."""
    if len(row_shape) == 1:
        return False
    first, last = row_shape[0], row_shape[-1]
    if len(row_shape) == 2:
        return first <= _MOST_SERIES and last >= _TIMES_LONGER * first
    return first in _CHANNELS and last not in _CHANNELS and min(row_shape[1:]) >= _SHORTEST_SQUARE


def _is_square(height: int, width: int) -> bool:
    return height == width >= _SHORTEST_SQUARE


def _warn_if_ambiguous(height: int, width: int) -> None:
    """Warn if X of rank 3 may be grayscale images or sequences."""
    shorter, longer = sorted((height, width))
    image = "For grayscale images, pass backbone='cnn' or X[..., None]."
    sequence = f"For sequences of {height} steps with {width} channels, pass backbone='conv1d'."
    if _is_square(height, width):
        read, cures = "grayscale images by 'cnn', because they are square", (image, sequence)
    elif shorter >= _SHORTEST_IMAGE and longer <= _MOST_UNEQUAL * shorter:
        read, cures = "sequences by 'conv1d', because they are not square", (sequence, image)
    else:
        return
    warn(f"backbone='auto' reads rows of shape {(height, width)} as {read}. " + " ".join(cures))


def _registered(name: str, shape: tuple[int, ...], *, is_text: bool = False) -> ResolvedBackbone:
    backbone = get_backbone(name)
    if not is_text and len(shape) not in X_RANKS[backbone.kind]:
        raise _unsuited(name, shape)
    return ResolvedBackbone(
        backbone.builder,
        f"backbone {name!r}",
        backbone.kind,
        scales_inputs=backbone.kind != "text",
        name=name,
        defaults=backbone.defaults or TrainingDefaults(),
        head=backbone.head or keras.layers.Dense,
        ensemble=backbone.ensemble,
        stacked=backbone.stacked,
    )


def _unsuited(name: str, X: str | tuple[int, ...]) -> BackboneError:
    """Return the error for a backbone that cannot read X: strings, or an array of some shape."""
    kinds = {other: get_backbone(other).kind for other in list_backbones()}
    if isinstance(X, str):
        got, what = X, "texts"
        suited = [other for other, kind in kinds.items() if kind in _TEXT_KINDS]
    else:
        got, what = f"shape {X}", "this shape"
        suited = [other for other, kind in kinds.items() if len(X) in X_RANKS[kind]]
    shape = _SHAPES[kinds[name]]
    allowed = shape if kinds[name] == "text" else f"of shape {shape}"
    cure = f"Backbones for {what}: {format_list(suited)}."
    return BackboneError(invalid(f"X for backbone={name!r}", allowed, got, cure))


def _of_the_user(value: Any) -> ResolvedBackbone:
    if isinstance(value, keras.Layer):
        label = f"the {type(value).__name__} given as `backbone`"
        return ResolvedBackbone(lambda inputs: _copy_for(inputs, value)(inputs), label, None, False)
    if inspect.isclass(value) and issubclass(value, keras.Layer):
        label = f"the layer class {value.__name__} given as `backbone`"
        return ResolvedBackbone(_LayerClassBuilder(value), label, None, True)
    if callable(value) and not inspect.isclass(value):
        name = getattr(value, "__name__", type(value).__name__)
        return ResolvedBackbone(value, f"the backbone function {name}", None, True)
    raise BackboneError(
        invalid(
            "`backbone`",
            f"'auto', one of {format_list(list_backbones())}, a function (inputs, **params) -> "
            "tensor, or a headless keras.Model or keras.Layer",
            describe(value),
            "Pass a network that already ends in a softmax as `model` instead.",
        )
    )


def _copy_for(inputs: Any, network: keras.Layer) -> keras.Layer:
    return with_integer_input(copy_network(network, "backbone"), tuple(inputs.shape[1:]))


class _LayerClassBuilder:
    """Calls a layer class as a builder function; the layer's arguments are routed."""

    def __init__(self, layer_class: type[keras.Layer]) -> None:
        self.layer_class = layer_class
        parameters = inspect.signature(layer_class).parameters.values()
        inputs = inspect.Parameter("inputs", inspect.Parameter.POSITIONAL_ONLY)
        keyword = inspect.Parameter.KEYWORD_ONLY
        self.__signature__ = inspect.Signature(
            [inputs, *(p.replace(kind=keyword) if p.kind in NAMED else p for p in parameters)]
        )

    def __call__(self, inputs: Any, /, **arguments: Any) -> Any:
        return self.layer_class(**arguments)(inputs)


def check_backbone_unused(backbone: object, routed: Mapping[str, object]) -> None:
    """Raise if `backbone`, or an argument for it, is set although `model` is.

    Parameters
    ----------
    backbone : object
        The parameter.
    routed : mapping
        Routed parameters by full name.

    Raises
    ------
    ValueError
        Names the parameter to remove.
    """
    if not (isinstance(backbone, str) and backbone == "auto"):
        raise ValueError(
            "`backbone` must be 'auto' when `model` is given, because a whole model has its own "
            "hidden layers; got both. Pass only one of them."
        )
    check_not_routed(routed, "backbone", "`model` is given")


def check_not_routed(routed: Mapping[str, object], prefix: str, reason: str) -> None:
    """Raise if a parameter is routed to something that does not exist.

    Parameters
    ----------
    routed : mapping
        Routed parameters by full name.
    prefix : {"backbone", "model"}
        Prefix that is not in use.
    reason : str
        The reason, for the error message.
    """
    lost = [name for name in routed if name.startswith(f"{prefix}__")]
    if lost:
        raise ValueError(f"`{lost[0]}` has no effect, because {reason}. Remove it.")
