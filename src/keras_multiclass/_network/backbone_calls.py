"""Calls builders of features, and checks what they return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from keras_multiclass._network.backbone_resolution import ResolvedBackbone
from keras_multiclass._network.name_collisions import NameCollisionError, is_name_collision
from keras_multiclass._shared.messages import describe, full_error, invalid
from keras_multiclass.exceptions import BackboneError

__all__ = ["call_builder", "check_features"]


def call_builder(backbone: ResolvedBackbone, x: Any, arguments: Mapping[str, Any]) -> Any:
    """Call the builder of a backbone, whose errors become a ``BackboneError``.

    Parameters
    ----------
    backbone : ResolvedBackbone
        The backbone.
    x : KerasTensor or dict of KerasTensor
        Its input.
    arguments : mapping
        Arguments of the builder.
    """
    try:
        return backbone.build(x, **arguments)
    except BackboneError:
        raise
    except Exception as error:
        error_class = NameCollisionError if is_name_collision(error) else BackboneError
        shape = {n: t.shape for n, t in x.items()} if isinstance(x, dict) else x.shape
        raise error_class(
            f"Building with {backbone.label} failed on inputs of shape {shape}: "
            + full_error(error)
        ) from error


def check_features(features: Any, backbone: ResolvedBackbone, *, members: bool) -> None:
    """Raise ``BackboneError`` if a builder returned anything but features.

    Parameters
    ----------
    features : object
        What it returned.
    backbone : ResolvedBackbone
        The backbone.
    members : bool
        Whether it was asked for several members.
    """
    members = members or backbone.ensemble
    shape = "(batch, n_members, n_features)" if members else "(batch, n_features)"
    if not keras.backend.is_keras_tensor(features):
        raise BackboneError(
            invalid(
                f"The return value of {backbone.label}",
                f"one Keras tensor of features of shape {shape}",
                describe(features),
                "Return the output of the last layer; pass a whole keras.Model as `model`.",
            )
        )
    sizes = features.shape[1:]
    if len(sizes) != 1 + members or None in sizes:
        raise BackboneError(
            invalid(
                f"The return value of {backbone.label}",
                f"a tensor of shape {shape} with a known number of features",
                f"shape {tuple(features.shape)}",
                "Register it without `ensemble` and `stacked`, or put members on the second axis."
                if members
                else "End it with a Flatten or global pooling layer (pooling='avg' in "
                "keras.applications).",
            )
        )
