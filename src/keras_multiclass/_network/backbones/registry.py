"""Registry of backbones: built-in, registered by the user, or offered by installed packages."""

from __future__ import annotations

import dataclasses
import re
import threading
import warnings
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar, overload

import keras

from keras_multiclass._network.backbones.training_defaults import TrainingDefaults
from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid
from keras_multiclass.exceptions import BackboneError

ENTRY_POINT_GROUP = "keras_multiclass.backbones"

# Ranks of each kind's input tensor and of X, including the batch axis. X of rank 2 holds token ids
# for a sequence backbone, which reads their embeddings. Backbones for texts read no numbers.
RANKS = {"table": (2,), "image": (3, 4, 5), "sequence": (3,), "text": (3,)}
X_RANKS: dict[str, tuple[int, ...]] = {**RANKS, "sequence": (2, 3), "text": ()}

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_RESERVED = ("auto",)  # a value of the classifier's ``backbone`` parameter

Builder = Callable[..., Any]
Head = Callable[..., keras.Layer]
BuilderT = TypeVar("BuilderT", bound=Builder)


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A named builder of features.

    Parameters
    ----------
    name : str
        Value of the classifier's ``backbone``: letters, digits and underscores, starting with a
        letter; not ``"auto"``.
    builder : callable
        ``builder(inputs, **params)``, which returns a Keras tensor of shape
        ``(batch, n_features)`` with a static ``n_features``. The builder of a sequence backbone
        may take ``mask``, a boolean Keras tensor of shape ``(batch, steps)`` that is True at
        real steps, left at its default if zeros are data; that of a table backbone may take
        ``table``, a :class:`TableLayout`; that of a text backbone ``n_terms``, the size of the
        vocabulary.
    kind : {"table", "image", "sequence", "text"}
        Kind of input: of rank 2 for tables, 3 to 5 for images and volumes, 3 for sequences,
        including the batch axis. Of texts, ``(batch, length, 2)``: the number of each term in the
        vocabulary and its weight, which is 0 for padding. Sequence backbones read texts, too.
    defaults : TrainingDefaults, default=None
        Values of the classifier's parameters that the user leaves at ``"auto"``.
    ensemble : bool, default=False
        Whether the builder returns the features of several members, as a tensor of shape
        ``(batch, n_members, n_features)``. Each member gets its own head; loss and probabilities
        are the means over the members.
    head : callable, default=None
        ``head(n_classes, dtype=..., name=...)`` returns the layer that maps the features to one
        logit per class; None for ``keras.layers.Dense``.
    stacked : bool, default=False
        Whether the builder takes ``n_members`` and then returns the features of as many independent
        members, as a tensor of shape ``(batch, n_members, n_features)``. ``n_ensemble`` then builds
        one network instead of one for each member. A `head` must give each member weights of its
        own, as the default does.

    Raises
    ------
    TypeError
        If ``name`` is not a string or ``builder`` is not callable.
    ValueError
        If ``name`` or ``kind`` is invalid.

    Examples
    --------
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("mlp").kind
    'table'
    """

    name: str
    builder: Builder
    kind: str
    defaults: TrainingDefaults | None = None
    ensemble: bool = False
    head: Head | None = None
    stacked: bool = False

    def __post_init__(self) -> None:
        """Validate name, builder and kind."""
        _check_name(self.name)
        if not callable(self.builder):
            raise TypeError(
                invalid(f"builder of backbone {self.name!r}", "callable", describe(self.builder))
            )
        check_kind(self.kind)


def check_kind(kind: Any) -> str:
    """Return ``kind`` if it is valid."""
    if not isinstance(kind, str) or kind not in RANKS:
        raise ValueError(invalid("kind", f"one of {format_list(RANKS)}", describe(kind)))
    return kind


def _check_name(name: Any) -> None:
    allowed = "letters, digits and underscores, beginning with a letter"
    if not isinstance(name, str):
        raise TypeError(invalid("name of a backbone", f"a string of {allowed}", describe(name)))
    if not _NAME.fullmatch(name):
        raise ValueError(invalid("name of a backbone", allowed, describe(name)))
    if name in _RESERVED:
        raise ValueError(
            invalid("name of a backbone", f"other than {format_list(_RESERVED)}", repr(name))
        )


class Registry:
    """Backbones by name; those of installed packages are loaded on first use.

    The lock is held only for dictionary accesses. Third-party modules are imported outside it: a
    module that registers a backbone while another thread imports it would deadlock.
    """

    def __init__(self) -> None:
        self._backbones: dict[str, Backbone] = {}
        self._lock = threading.Lock()
        self._entry_points_loaded = False

    def add(self, backbone: Backbone, *, overwrite: bool = False) -> None:
        """Store a backbone; raise if the name is taken, unless ``overwrite``."""
        with self._lock:
            if backbone.name in self._backbones and not overwrite:
                raise BackboneError(
                    invalid(
                        "name of a backbone",
                        "new, or registered with overwrite=True",
                        f"{backbone.name!r}, which is taken",
                    )
                )
            self._backbones[backbone.name] = backbone

    def get(self, name: str) -> Backbone:
        """Return the backbone called ``name``, loading installed packages if necessary."""
        if not isinstance(name, str):
            raise BackboneError(invalid("backbone", "the name of a backbone", describe(name)))
        with self._lock:
            backbone = self._backbones.get(name)
        if backbone is not None:
            return backbone
        names = self.names()
        with self._lock:
            backbone = self._backbones.get(name)
        if backbone is None:
            raise BackboneError(
                invalid("backbone", f"'auto' or one of {format_list(names)}", describe(name))
                + did_you_mean(name, names)
            )
        return backbone

    def names(self, kind: str | None = None) -> tuple[str, ...]:
        """Return the names of one kind, or all names, in alphabetical order."""
        if kind is not None:
            check_kind(kind)
        self._load_entry_points()
        with self._lock:
            backbones = list(self._backbones.values())
        return tuple(sorted(b.name for b in backbones if kind is None or b.kind == kind))

    def _load_entry_points(self) -> None:
        # Two threads may both get here: loading twice is harmless, waiting could deadlock.
        if self._entry_points_loaded:
            return
        problems = []
        for entry_point in entry_points(group=ENTRY_POINT_GROUP):
            try:
                self._add_entry_point(entry_point)
            # A third-party module may raise anything.
            except Exception as error:
                problems.append((entry_point, error))
        self._entry_points_loaded = True
        # Warn last: a filter that turns warnings into errors must not interrupt the loading.
        for entry_point, cause in problems:
            warnings.warn(
                f"The backbone {entry_point.name!r} ({entry_point.value}) of the package "
                f"{_distribution(entry_point)} was left out: {type(cause).__name__}: {cause}",
                UserWarning,
                stacklevel=4,
            )

    def _add_entry_point(self, entry_point: EntryPoint) -> None:
        backbone = _as_backbone(entry_point.name, entry_point.load())
        with self._lock:
            present = self._backbones.setdefault(backbone.name, backbone)
        # The module may have registered its builder itself when it was imported.
        if present.builder is not backbone.builder:
            raise BackboneError(f"another backbone is already called {backbone.name!r}.")


def _as_backbone(name: str, value: Any) -> Backbone:
    """Convert the object of an entry point to a backbone."""
    if isinstance(value, Backbone):
        return dataclasses.replace(value, name=name)
    kind = getattr(value, "kind", None)
    if kind is None:
        raise BackboneError(
            invalid(
                "what the entry point names",
                "a Backbone, or a builder with an attribute kind",
                describe(value),
            )
        )
    return Backbone(name, value, kind)


def _distribution(entry_point: EntryPoint) -> str:
    return "(unknown)" if entry_point.dist is None else repr(entry_point.dist.name)


_REGISTRY = Registry()


@overload
def register_backbone(
    name: str,
    builder: BuilderT,
    *,
    kind: str,
    defaults: TrainingDefaults | None = ...,
    ensemble: bool = ...,
    head: Head | None = ...,
    stacked: bool = ...,
    overwrite: bool = ...,
) -> BuilderT: ...


@overload
def register_backbone(
    name: str,
    builder: None = None,
    *,
    kind: str,
    defaults: TrainingDefaults | None = ...,
    ensemble: bool = ...,
    head: Head | None = ...,
    stacked: bool = ...,
    overwrite: bool = ...,
) -> Callable[[BuilderT], BuilderT]: ...


def register_backbone(
    name: str,
    builder: Builder | None = None,
    *,
    kind: str,
    defaults: TrainingDefaults | None = None,
    ensemble: bool = False,
    head: Head | None = None,
    stacked: bool = False,
    overwrite: bool = False,
) -> Builder:
    """Register a builder under a name, as a function call or a decorator.

    Parameters
    ----------
    name : str
        Letters, digits and underscores, starting with a letter; not ``"auto"``.
    builder : callable, default=None
        ``builder(inputs, **params)``, which returns a Keras tensor of shape
        ``(batch, n_features)``; users set its keyword parameters as ``backbone__...``. If None, a
        decorator is returned.
    kind : {"table", "image", "sequence", "text"}
        Kind of input: of rank 2 for tables, 3 to 5 for images and volumes, 3 for sequences,
        including the batch axis. Of texts, ``(batch, length, 2)``: the number of each term in the
        vocabulary and its weight, which is 0 for padding. Sequence backbones read texts, too.
    defaults : TrainingDefaults, default=None
        Values of the classifier's parameters that the user leaves at ``"auto"``.
    ensemble : bool, default=False
        Whether the builder returns the features of several members, as a tensor of shape
        ``(batch, n_members, n_features)``. Each member gets its own head; loss and probabilities
        are the means over the members.
    head : callable, default=None
        ``head(n_classes, dtype=..., name=...)`` returns the layer that maps the features to one
        logit per class; None for ``keras.layers.Dense``.
    stacked : bool, default=False
        Whether the builder takes ``n_members`` and then returns the features of as many independent
        members, as a tensor of shape ``(batch, n_members, n_features)``. ``n_ensemble`` then builds
        one network instead of one for each member. A `head` must give each member weights of its
        own, as the default does.
    overwrite : bool, default=False
        Whether to replace an existing backbone of this name.

    Returns
    -------
    callable
        The unchanged builder, or a decorator that returns it.

    Raises
    ------
    BackboneError
        If the name is taken and ``overwrite`` is False.
    TypeError
        If ``name`` is not a string or ``builder`` is not callable.
    ValueError
        If ``name`` or ``kind`` is invalid.

    Notes
    -----
    Packages provide backbones through the entry point group ``"keras_multiclass.backbones"``. An
    entry point refers to a ``Backbone``, or to a builder with an attribute ``kind``; its name
    becomes the name of the backbone.

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone, register_backbone
    >>> @register_backbone("one_layer", kind="table")
    ... def one_layer(inputs, *, units=8):
    ...     return keras.layers.Dense(units, activation="tanh")(inputs)
    >>> get_backbone("one_layer").builder is one_layer
    True
    """

    def to_backbone(builder: Builder) -> Backbone:
        return Backbone(name, builder, kind, defaults, ensemble, head, stacked)

    if builder is None:
        # Report an invalid name or kind at the decorator rather than at the function.
        _check_name(name)
        check_kind(kind)

        def decorate(decorated: BuilderT) -> BuilderT:
            _REGISTRY.add(to_backbone(decorated), overwrite=overwrite)
            return decorated

        return decorate
    _REGISTRY.add(to_backbone(builder), overwrite=overwrite)
    return builder


def get_backbone(name: str) -> Backbone:
    """Look up a backbone by its name.

    Parameters
    ----------
    name : str
        Name of a built-in backbone, one registered with :func:`register_backbone`, or one provided
        by an installed package.

    Returns
    -------
    Backbone
        The registered backbone.

    Raises
    ------
    BackboneError
        If there is no such backbone; the message lists the available ones.

    Examples
    --------
    >>> import keras
    >>> from keras_multiclass import get_backbone
    >>> get_backbone("mlp").builder(keras.Input((4,)), hidden_units=(16, 8)).shape
    (None, 8)
    """
    return _REGISTRY.get(name)


def list_backbones(kind: str | None = None) -> tuple[str, ...]:
    """List the names of all backbones, including those of installed packages.

    Parameters
    ----------
    kind : {"table", "image", "sequence", "text"}, default=None
        Return only backbones for this kind of input; None for all.

    Returns
    -------
    tuple of str
        Names in alphabetical order.

    Raises
    ------
    ValueError
        If ``kind`` is invalid.

    Examples
    --------
    >>> from keras_multiclass import list_backbones
    >>> "mlp" in list_backbones("table")
    True
    """
    return _REGISTRY.names(kind)
