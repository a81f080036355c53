"""The network for several inputs: each is prepared and read on its own, then they are joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_multiclass._data.packed import about_input
from keras_multiclass._network.backbone_calls import call_builder, check_features
from keras_multiclass._network.backbone_resolution import ResolvedBackbone
from keras_multiclass._network.layers.input_block import layer_names, take_input
from keras_multiclass._network.layers.stacked_dense import StackedDense
from keras_multiclass._network.side_by_side import as_model
from keras_multiclass._shared.error_marks import mark
from keras_multiclass._shared.messages import did_you_mean, format_list, invalid, quote
from keras_multiclass.exceptions import BackboneError

JOINT_UNITS = 128

__all__ = ["JoinedBackbones", "PreparedInputs", "prepare_inputs"]


@dataclass(frozen=True)
class PreparedInputs:
    """What a backbone for several inputs gets.

    Attributes
    ----------
    x : dict of str to KerasTensor
        The inputs.
    supplied : dict
        ``mask`` and ``table``, each by input, if the backbone takes them.
    names : list of str
        Names of the columns of tables.
    """

    x: dict[str, Any]
    supplied: dict[str, Any]
    names: list[str]


class JoinedBackbones:
    """Builds the features of each input with a backbone of its own, and joins them.

    Parameters
    ----------
    parts : mapping of str to ResolvedBackbone
        The backbones.
    shares : bool
        Whether arguments that name no input are for all backbones.
    """

    def __init__(self, parts: Mapping[str, ResolvedBackbone], *, shares: bool) -> None:
        self.parts = parts
        self.shares = shares

    def __call__(
        self,
        inputs: Mapping[str, Any],
        *,
        mask: Mapping[str, Any] | None = None,
        table: Mapping[str, Any] | None = None,
        n_terms: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> Any:
        """Return features of rank 2, or 3 if a backbone is an ensemble."""
        own = self.arguments_of(arguments)
        features, called = [], layer_names(self.parts)
        for name, part in self.parts.items():
            given = {"mask": mask or {}, "table": table or {}, "n_terms": n_terms or {}}
            supplied = {key: values[name] for key, values in given.items() if name in values}
            features.append(_features(called[name], part, inputs[name], own[name], supplied))
        return _joined(features, self.parts)

    def arguments_of(self, arguments: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the arguments for each input, which their names begin with."""
        own: dict[str, dict[str, Any]] = {name: {} for name in self.parts}
        common = {}
        for full_name, value in arguments.items():
            name, _, argument = full_name.partition("__")
            if argument and name in own:
                own[name][argument] = value
            elif self.shares and not argument:
                common[full_name] = value
            else:
                raise mark(self._unknown(full_name), "unknown argument", "backbone")
        return {name: {**common, **specific} for name, specific in own.items()}

    def _unknown(self, argument: str) -> BackboneError:
        names = [f"{name}__{argument.rpartition('__')[2]}" for name in self.parts]
        hint = did_you_mean(argument, names, "backbone__") if "__" in argument else ""
        return BackboneError(
            f"`backbone__{argument}` must begin with the name of an input of X "
            f"({format_list(self.parts)}), such as `backbone__{names[0]}`.{hint}"
        )


def prepare_inputs(
    packed: Any,
    backbone: Any,
    rows: Any,
    scaling: Mapping[str, str | None],
    augmentation: Mapping[str, Any],
    preprocess: Callable[..., Any],
) -> PreparedInputs:
    """Take the inputs out of the matrix, and add the usual layers in front of each backbone.

    Parameters
    ----------
    packed : KerasTensor of shape (batch, n_columns)
        The matrix.
    backbone : InputBackbones
        What the inputs are prepared for.
    rows : InputDescription
        Describes the inputs.
    scaling : mapping of str to str or None
        How the numbers of each input are scaled.
    augmentation : mapping of str to object
        What changes inputs during training.
    preprocess : callable
        Adds the layers of one input.
    """
    x: dict[str, Any] = {}
    supplied: dict[str, dict[str, Any]] = {}
    names: list[str] = []
    called = layer_names(rows.inputs)
    for name, (columns, part) in rows.inputs.items():
        block = take_input(packed, columns.start, columns.shape, part.dtype, called[name])
        own = keras.Input(part.shape, dtype=part.dtype)
        with about_input(name):
            read = preprocess(
                own, backbone.parts[name], part, scaling[name], augmentation.get(name)
            )
        tensors = {k: t for k, t in read.supplied.items() if keras.backend.is_keras_tensor(t)}
        if read.x is own and not tensors:
            x[name] = block
        else:
            outputs = {"x": read.x, **tensors}
            prepared = keras.Model(own, outputs, name=f"{called[name]}_preprocessing")(block)
            x[name] = prepared.pop("x")
            tensors = prepared
        for argument, value in {**read.supplied, **tensors}.items():
            supplied.setdefault(argument, {})[name] = value
        names += [f"{name}__{column}" for column in read.names]
    return PreparedInputs(x, supplied, names)


def _features(
    name: str,
    backbone: ResolvedBackbone,
    x: Any,
    arguments: Mapping[str, Any],
    supplied: Mapping[str, Any],
) -> Any:
    def build(x: Any, supplied: Mapping[str, Any]) -> Any:
        features = call_builder(backbone, x, {**arguments, **supplied})
        check_features(features, backbone, members=False)
        return features

    model, read = as_model(build, x, supplied, name)
    return model(read)


def _joined(features: list[Any], parts: Mapping[str, ResolvedBackbone]) -> Any:
    """Concatenate features, which each member of an ensemble gets, and let them interact."""
    members = {
        name: tensor.shape[1]
        for name, tensor in zip(parts, features, strict=True)
        if len(tensor.shape) == 3
    }
    if len(set(members.values())) > 1:
        counts = ", ".join(f"{count} for {quote(name)}" for name, count in members.items())
        raise BackboneError(
            invalid("`n_members` of the backbones", "the same for all inputs", counts)
        )
    if members:
        count = next(iter(members.values()))
        features = [
            tensor
            if len(tensor.shape) == 3
            else ops.repeat(ops.expand_dims(tensor, 1), count, axis=1)
            for tensor in features
        ]
    if len(features) == 1:
        return features[0]
    dense = StackedDense if members else keras.layers.Dense
    # Logits of features alone would add up what each input says.
    return dense(JOINT_UNITS, activation="relu")(keras.layers.Concatenate()(features))
