"""The parameter `backbone` for several inputs: one builder for each, or one for all of them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from keras_multiclass._data.inputs import check_keys
from keras_multiclass._network.backbone_resolution import (
    NetworkParameters,
    Recommendation,
    ResolvedBackbone,
)
from keras_multiclass._network.builder_arguments import check_arguments
from keras_multiclass._network.named_inputs import integer_inputs, read_by_name
from keras_multiclass._network.several_inputs import JoinedBackbones
from keras_multiclass._network.user_networks import copy_network
from keras_multiclass._shared.messages import format_list, quote, warn, warnings_held_back
from keras_multiclass.exceptions import BackboneError

# Of single networks with 100 epochs of Adam, the one with the lowest log loss on small tables.
TABLE_DEFAULT = "realmlp_small"
_FOR_TABLES = ("robust", "quantile")


@dataclass(frozen=True)
class InputBackbones(ResolvedBackbone):
    """Backbones of several inputs whose features are joined, or one builder that takes them all.

    Attributes
    ----------
    parts : mapping of str to ResolvedBackbone
        What each input is prepared for; the backbones themselves if they are joined.
    tables : frozenset of str
        The inputs that are tables.
    is_joined : bool
        Whether each input has a backbone of its own.
    """

    parts: Mapping[str, ResolvedBackbone] = field(default_factory=dict)
    tables: frozenset[str] = frozenset()
    is_joined: bool = True

    @property
    def builders(self) -> object:
        """The functions that build."""
        return [part.build for part in self.parts.values()] if self.is_joined else self.build

    @property
    def named(self) -> object:
        """Value of the parameter `backbone`, if all backbones are registered; else None."""
        names = {name: part.name for name, part in self.parts.items()}
        return names if self.is_joined and None not in names.values() else None

    @property
    def recommendation(self) -> Recommendation | None:
        """None: what a backbone recommends holds for one input alone."""
        return None

    def check_arguments(self, arguments: Mapping[str, Any], supplied: Collection[str] = ()) -> None:
        """Raise ``BackboneError`` for arguments that no builder takes."""
        if not self.is_joined:
            super().check_arguments(arguments, supplied)
            return
        assert isinstance(self.build, JoinedBackbones)
        for name, own in self.build.arguments_of(arguments).items():
            part = self.parts[name]
            check_arguments(
                part.build,
                own,
                prefix=f"backbone__{name}",
                target=part.label,
                skip=1,
                supplied=("n_members",) if part.stacked else (),
            )

    def resolve_scaling(self, scaling: Any) -> dict[str, Any]:
        """Return how the numbers of each input are scaled.

        Parameters
        ----------
        scaling : str, None or mapping
            The parameter. One value is for all inputs, but scalings for tables leave others as
            ``"auto"`` does.
        """
        names = list(self.parts)
        if isinstance(scaling, Mapping):
            check_keys(scaling, names, "`scaling`")
            values = {name: scaling.get(name, "auto") for name in names}
        else:
            is_partial = scaling in _FOR_TABLES and self.tables
            values = {
                name: "auto" if is_partial and name not in self.tables else scaling
                for name in names
            }
        return {name: part.resolve_scaling(values[name]) for name, part in self.parts.items()}


@dataclass(frozen=True)
class InputNetworks(NetworkParameters):
    """The parameters `backbone` and `model` for several inputs.

    Attributes
    ----------
    parts : mapping of str to NetworkParameters
        How each input is read.
    """

    parts: Mapping[str, NetworkParameters] = field(default_factory=dict)

    @classmethod
    def of_inputs(cls, parameters: NetworkParameters, names: Sequence[str]) -> InputNetworks:
        """Return the parameters for inputs of these names."""
        backbone, model = parameters.backbone, parameters.model
        integers = integer_inputs(model if model is not None else backbone)
        values = dict.fromkeys(names, backbone)
        if isinstance(backbone, Mapping) and model is None:
            check_keys(backbone, names, "`backbone`", needs_all=True)
            values = dict(backbone)
        parts = {}
        for name in names:
            part = NetworkParameters.of(values[name], model, TABLE_DEFAULT, TABLE_DEFAULT)
            dtype = integers.get(name, part.integer_dtype)
            parts[name] = replace(part, integer_dtype=dtype)
        networks = cls(
            backbone,
            model,
            TABLE_DEFAULT,
            TABLE_DEFAULT,
            preset=parameters.preset,
            parts=parts,
        )
        for name, part in parts.items():
            with networks._about(name):
                _ = part.reads_tables  # which looks up names
        return networks

    def with_texts(self, names: Collection[str]) -> InputNetworks:
        """Return the parameters if these inputs hold texts."""
        parts = {name: replace(part, is_text=name in names) for name, part in self.parts.items()}
        return replace(self, parts=parts)

    @contextlib.contextmanager
    def _about(self, name: str) -> Iterator[None]:
        """Let errors about the backbone of an input name the input, and how to choose another."""
        try:
            yield
        except BackboneError as error:
            cure = ""
            if isinstance(self.backbone, str):
                cure = f" Pass a dict with a backbone for each input ({format_list(self.parts)})."
            raise BackboneError(f"Input {quote(name)} cannot be used: {error}{cure}") from error

    def subtracts_offsets(  # type: ignore[override]
        self, scaling: Any, augmentation: Any
    ) -> dict[str, bool]:
        """Return for each input whether offsets may be subtracted from it."""
        is_dict = isinstance(scaling, Mapping)
        own = augmentation if isinstance(augmentation, Mapping) else {}
        return {
            name: part.subtracts_offsets(
                scaling.get(name, "auto") if is_dict else scaling, own.get(name)
            )
            for name, part in self.parts.items()
        }

    def resolve(  # type: ignore[override]
        self,
        shape: Mapping[str, tuple[int, ...]],
        n_rows: int | None = None,
        known: Recommendation | None = None,
    ) -> InputBackbones | None:
        """Choose the builders for X.

        Parameters
        ----------
        shape : mapping of str to tuple of int
            Shapes of the inputs.
        n_rows, known
            Ignored: the choice depends on nothing else.
        """
        self._warn_of_preset("X has several inputs")
        if self.model is not None:
            return None
        if self._reads_all:
            return self._for_all(shape)
        shares = isinstance(self.backbone, str) and self.backbone != "auto"
        parts = {}
        for name, part in self.parts.items():
            with self._about(name):
                resolved = part.resolve(shape[name])
            assert resolved is not None
            parts[name] = replace(resolved, label=f"{resolved.label} for input {quote(name)}")
        return InputBackbones(
            build=JoinedBackbones(parts, shares=shares),
            label="the backbones",
            kind=None,
            scales_inputs=True,
            ensemble=any(part.ensemble for part in parts.values()),
            parts=parts,
            tables=self._tables(shape),
        )

    @property
    def _reads_all(self) -> bool:
        """Whether one function, layer or layer class of the user's reads all inputs."""
        return not isinstance(self.backbone, (str, Mapping))

    def _for_all(self, shape: Mapping[str, tuple[int, ...]]) -> InputBackbones:
        whole = NetworkParameters(self.backbone).resolve(())
        assert whole is not None
        build: Callable[..., Any] = whole.build
        network = self.backbone
        if isinstance(network, keras.Layer):
            build = _reads_by_name(network)
        return InputBackbones(
            build=build,
            label=whole.label,
            kind=None,
            scales_inputs=whole.scales_inputs,
            parts=dict.fromkeys(self.parts, whole),
            tables=self._tables(shape),
            is_joined=False,
        )

    def _tables(self, shape: Mapping[str, tuple[int, ...]]) -> frozenset[str]:
        return frozenset(
            name
            for name, part in self.parts.items()
            if part.reads_tables and not part.is_text and len(shape[name]) == 2
        )

    def warn_if_ambiguous(  # type: ignore[override]
        self, shape: Mapping[str, tuple[int, ...]], layout: str = "channels_last"
    ) -> None:
        """Warn of each input whose shape is ambiguous."""
        for name, part in self.parts.items():
            with warnings_held_back() as held_back:
                part.warn_if_ambiguous(shape[name], layout)
            for message, category in held_back:
                # In several inputs, such a value is one of many.
                words = re.split(r"backbone='(\w+)'", message)
                words[1::2] = [f"backbone={self._with(name, word)}" for word in words[1::2]]
                warn(f"Input {quote(name)}: {''.join(words)}", category)

    def _with(self, name: str, value: str) -> dict[str, object]:
        values = self.backbone if isinstance(self.backbone, Mapping) else {}
        return {**dict.fromkeys(self.parts, self.backbone), **values, name: value}


def _reads_by_name(network: keras.Layer) -> Callable[..., Any]:
    return lambda inputs: read_by_name(
        copy_network(network, "backbone", n_inputs=None), inputs, "backbone"
    )
