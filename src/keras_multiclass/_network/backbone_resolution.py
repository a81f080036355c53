"""The parameters `backbone` and `model` before X is read, and the builder chosen for X."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from keras_multiclass._data.sequences import Sequences
from keras_multiclass._data.statistics import Standardization
from keras_multiclass._data.texts.encoder import TextForm
from keras_multiclass._network.ambiguous_shapes import is_square, warn_if_ambiguous
from keras_multiclass._network.augmentation import reads_values
from keras_multiclass._network.backbones import TrainingDefaults, get_backbone, list_backbones
from keras_multiclass._network.backbones.registry import X_RANKS
from keras_multiclass._network.builder_arguments import NAMED, check_arguments, takes
from keras_multiclass._network.fine_tuning import note_pretrained
from keras_multiclass._network.integer_inputs import integer_input, with_integer_input
from keras_multiclass._network.pretrained import preprocessing_of
from keras_multiclass._network.scaling import is_own_scaling
from keras_multiclass._network.user_networks import check_reads_strings, copy_network
from keras_multiclass._shared.messages import describe, format_list, invalid, warn
from keras_multiclass.exceptions import BackboneError

_MOST_EMBEDDED_COLUMNS = 1000  # "auto" embeds the numbers of tables with at most so many columns
_MOST_ROWS_OF_SMALL_TABLE = 2000
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
    network : keras.Layer or None
        The user's own network, of which it builds copies.
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
    network: keras.Layer | None = None

    @property
    def recommendation(self) -> Recommendation | None:
        """What further training of the network keeps; None for a builder of the user's own."""
        return None if self.name is None else Recommendation(self.name, self.defaults)

    @property
    def builders(self) -> object:
        """The functions that build."""
        return self.build

    @property
    def named(self) -> object:
        """Value of the parameter `backbone` that stands for this one; None if it is not a name."""
        return self.name

    def check_arguments(self, arguments: Mapping[str, Any], supplied: Collection[str] = ()) -> None:
        """Raise ``BackboneError`` for arguments that the builder does not take, or lacks.

        Parameters
        ----------
        arguments : mapping
            Routed arguments without their prefix.
        supplied : collection of str, default=()
            Further parameters that are not for the user.
        """
        check_arguments(
            self.build, arguments, prefix="backbone", target=self.label, skip=1, supplied=supplied
        )

    def resolve_scaling(self, scaling: Any) -> Any:
        """Return how numbers are scaled, for the value of the parameter `scaling`.

        Raises
        ------
        BackboneError
            If it is ``"pretrained"`` and it is not known what the network expects.
        """
        if not isinstance(scaling, str) or scaling not in ("auto", "pretrained"):
            return scaling
        if preprocessing_of(self.network) is not None:
            return "pretrained"
        if scaling == "pretrained":
            raise BackboneError(
                invalid(
                    "`scaling`",
                    "'auto', 'standard', None, a keras.Layer or a function of tensors unless "
                    "`backbone` is a network of keras.applications",
                    "'pretrained'",
                    "Pass the preprocessing of your network as a layer, for example "
                    "scaling=keras.layers.Rescaling(1 / 255).",
                )
            )
        return self.defaults.scaling or ("standard" if self.scales_inputs else None)

    def takes(self, argument: str) -> bool:
        """Whether the builder has a parameter of this name."""
        return takes(self.build, argument)

    def takes_mask(self, row_shape: tuple[int | None, ...]) -> bool:
        """Whether the builder wants the mask of the steps of rows of this shape."""
        may_be_sequence = self.kind == "sequence" or (self.kind is None and len(row_shape) == 2)
        return may_be_sequence and self.takes("mask")

    def standardization(
        self, row_shape: tuple[int | None, ...], *, skip_padding: bool = False
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
    preset : {"best"} or None
        Which recommendations of a registered backbone apply.
    integer_dtype : str or None
        Dtype of the user's own input layer, if it is for integers and known.
    is_text : bool
        Whether X holds texts.
    """

    backbone: object
    model: object = None
    table_default: str = "mlp"
    small_table_default: str = "mlp"
    preset: str | None = None
    integer_dtype: str | None = None
    is_text: bool = False

    @classmethod
    def of(
        cls,
        backbone: object,
        model: object,
        table_default: str,
        small_table_default: str,
        preset: str | None = None,
    ) -> NetworkParameters:
        """Return the parameters, and how an input layer in one of them reads X."""
        dtype = integer_input(backbone if model is None else model)
        return cls(backbone, model, table_default, small_table_default, preset, dtype)

    @property
    def reads_tables(self) -> bool:
        """Whether X of rank 2 is a table, with categories and missing values.

        The user's own networks that have an input layer read X unchanged.
        """
        if self.model is not None or isinstance(self.backbone, keras.Layer):
            return False
        kind = self._registered_kind
        return kind is None or kind == "table"

    def fills_gaps(self, shape: tuple[int | None, ...]) -> bool:
        """Whether the network fills missing values of X of this shape: a table or sequences.

        Parameters
        ----------
        shape : tuple of int
            Shape of X; None for the steps of sequences of any length.
        """
        if len(shape) != 3 or self.model is not None or isinstance(self.backbone, keras.Layer):
            return len(shape) < 3 and self.reads_tables
        if isinstance(self.backbone, str):
            kind = self._registered_kind
            return kind == "sequence" or (kind is None and not is_square(*shape[1:]))
        return takes(self.backbone, "mask")  # type: ignore[arg-type]

    def reads_raw(self, scaling: object, augmentation: object) -> bool:
        """Whether a network, layer or function of the user's own reads X unchanged.

        Parameters
        ----------
        scaling, augmentation : object
            The parameters of these names.
        """
        if self.model is not None or isinstance(self.backbone, keras.Layer):
            return True
        if is_own_scaling(scaling) or reads_values(augmentation):
            return True
        return scaling is None and not isinstance(self.backbone, str)

    def subtracts_offsets(self, scaling: object, augmentation: object) -> bool:
        """Whether offsets may be subtracted from X; the arguments are those of `reads_raw`."""
        return not self.reads_raw(scaling, augmentation)

    @property
    def image_shape(self) -> tuple[int | None, int | None, int | None]:
        """Height, width and channels of the images that the user's network reads; None for any."""
        network = self.backbone if self.model is None else self.model
        shape = getattr(network, "input_shape", None) if isinstance(network, keras.Model) else None
        if isinstance(shape, tuple) and len(shape) == 4:
            return shape[1:]
        return None, None, None

    @property
    def reads_token_ids(self) -> bool:
        """Whether X of rank 2 holds token ids."""
        return self.model is None and self._registered_kind == "sequence"

    def check_unequal(self, X: object, sequences: Sequences) -> None:
        """Raise if the network cannot read sequences of unequal length.

        Parameters
        ----------
        X : object
            The user's X.
        sequences : Sequences
            The same, as `arrange` returned it.

        Raises
        ------
        ValueError
            If it takes no mask of the real steps.
        """
        kind = self._registered_kind
        got = f"{describe(X)} with rows of different lengths"
        is_series = sequences.shape[2] == 1
        if self.reads_token_ids and is_series and sequences.dtype.kind in "iu":
            raise ValueError(
                invalid(
                    "X",
                    f"token ids of equal length for backbone={self.backbone!r}, which reads "
                    "integers as such",
                    got,
                    "Pad them: X = keras.utils.pad_sequences(list(X), padding='post'). Pass series "
                    "of numbers as floats.",
                )
            )
        if self._takes_mask:
            if self.backbone == "auto" and is_series and sequences.dtype.kind in "iu":
                warn(
                    "backbone='auto' reads lists of integers of different lengths as "
                    "series of numbers. If they are token ids, pad them, X = "
                    "keras.utils.pad_sequences(list(X), padding='post'), and name a backbone for "
                    "sequences, such as 'transformer'. If they are numbers, pass floats."
                )
            return
        if kind in ("table", "image"):
            of = f"for backbone={self.backbone!r}"
            others = [
                n for n in list_backbones("sequence") if takes(get_backbone(n).builder, "mask")
            ]
            names = " or ".join(map(repr, ["auto", *others]))
            cure = f"For sequences, use backbone={names}, which need no padding."
        else:
            of = "for a network that takes no mask"
            cure = "Or pass a function backbone(inputs, mask), whose mask is True at real steps."
        raise ValueError(
            invalid(
                "X",
                f"rows of equal length {of}",
                got,
                "Pad them to one length: X = keras.utils.pad_sequences(list(X), padding='post', "
                f"dtype='float32'). {cure}",
            )
        )

    @property
    def _takes_mask(self) -> bool:
        """Whether the network gets a mask of the real steps of sequences."""
        if self.model is not None:
            return False
        if isinstance(self.backbone, str):
            kind = self._registered_kind
            is_masked = kind == "sequence" and takes(get_backbone(self.backbone).builder, "mask")
            return kind is None or is_masked
        return callable(self.backbone) and takes(self.backbone, "mask")

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
        shape: tuple[int | None, ...],
        n_rows: int | None = None,
        known: Recommendation | None = None,
    ) -> ResolvedBackbone | None:
        """Choose the builder for X.

        Parameters
        ----------
        shape : tuple of int
            Shape of X; None for the steps of sequences of any length.
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
            self._warn_of_preset("`model` is given")
            return None
        if not isinstance(self.backbone, str):
            self._warn_of_preset("`backbone` is your own")
            return _of_the_user(self.backbone)
        if known is not None:
            resolved = _registered(known.backbone, shape, is_text=self.is_text)
            return replace(resolved, defaults=known.defaults)
        automatic = self.backbone == "auto"
        name = self._automatic(shape, n_rows) if automatic else self.backbone
        resolved = _registered(name, shape, is_text=self.is_text)
        defaults = resolved.defaults.for_preset(self.preset)
        if defaults is None:
            self._warn_of_preset(f"backbone {name!r} has no recommendations for it")
            defaults = resolved.defaults
        return replace(resolved, defaults=defaults.for_rows(n_rows))

    def _warn_of_preset(self, reason: str) -> None:
        if self.preset is not None:
            names = [name for name in list_backbones() if _defaults_of(name).best is not None]
            warn(
                f"preset={self.preset!r} has no effect, because {reason}. Backbones with "
                f"recommendations for it: {format_list(names)}."
            )

    def _automatic(self, shape: tuple[int | None, ...], n_rows: int | None) -> str:
        """Rank 2 is a table; rank 4 and 5, and squares of rank 3, images; the rest, sequences."""
        if self.is_text:
            return "bag_of_ngrams"
        rank = len(shape)
        if rank == 2:
            if (shape[1] or 0) > _MOST_EMBEDDED_COLUMNS:
                return "mlp"
            is_small = n_rows is not None and n_rows <= _MOST_ROWS_OF_SMALL_TABLE
            return self.small_table_default if is_small else self.table_default
        return "cnn" if rank > 3 or is_square(*shape[1:]) else "conv1d"

    def warn_if_ambiguous(
        self, shape: tuple[int | None, ...], layout: str = "channels_last"
    ) -> None:
        """Warn if the shape of X is ambiguous; see the function of this name.

        Parameters
        ----------
        shape : tuple of int
            Shape of X.
        layout : {"channels_last", "channels_first"}, default="channels_last"
            Where the channels of the user's X are.
        """
        if not (self.is_text or self.model is not None or isinstance(self.backbone, keras.Layer)):
            name = self.backbone if isinstance(self.backbone, str) else None
            warn_if_ambiguous(name, shape, layout)


def _defaults_of(name: str) -> TrainingDefaults:
    return get_backbone(name).defaults or TrainingDefaults()


def _registered(
    name: str, shape: tuple[int | None, ...], *, is_text: bool = False
) -> ResolvedBackbone:
    backbone = get_backbone(name)
    if not is_text and len(shape) not in X_RANKS[backbone.kind]:
        raise _unsuited(name, shape)
    return ResolvedBackbone(
        backbone.builder,
        f"backbone {name!r}",
        backbone.kind,
        scales_inputs=backbone.kind != "text",
        name=name,
        defaults=_defaults_of(name),
        head=backbone.head or keras.layers.Dense,
        ensemble=backbone.ensemble,
        stacked=backbone.stacked,
    )


def _unsuited(name: str, X: str | tuple[int | None, ...]) -> BackboneError:
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
        return ResolvedBackbone(
            lambda inputs: _copy_for(inputs, value)(inputs), label, None, False, network=value
        )
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
            "A dict of backbones is for X with several inputs, which is a dict with the same keys."
            if isinstance(value, Mapping)
            else "Pass a network that already ends in a softmax as `model` instead.",
        )
    )


def _copy_for(inputs: Any, network: keras.Layer) -> keras.Layer:
    copied = with_integer_input(copy_network(network, "backbone"), tuple(inputs.shape[1:]))
    note_pretrained(copied)
    return copied


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
