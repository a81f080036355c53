"""The layer that changes training rows at random, and the layers of the presets."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import keras
from keras import ops

from keras_multiclass._shared.signatures import accepted_parameters

_register = keras.saving.register_keras_serializable(package="keras_multiclass")
# Keras 3.8 has no CutMix.
_MIXING = tuple(getattr(keras.layers, n) for n in ("MixUp", "CutMix") if hasattr(keras.layers, n))


def mixes_rows(layer: keras.Layer) -> bool:
    """Whether a layer mixes rows of a batch, and their targets in the same proportions.

    Parameters
    ----------
    layer : keras.Layer
        The layer.
    """
    return isinstance(layer, _MIXING)


@_register
class Augmentation(keras.layers.Layer):
    """Apply layers one after the other during training, and do nothing otherwise.

    Parameters
    ----------
    layers : list of keras.Layer
        The layers, which keep the shape of a batch.
    adds_channel : bool, default=False
        Whether rows are images without an axis for channels, which the layers get.
    **options : dict
        Keyword arguments of ``keras.layers.Layer``.

    Attributes
    ----------
    proportions : tensor of shape (batch, batch) or None
        How much of each row of the batch is in each row of the output, if the last call mixed
        rows; each row sums to one.
    """

    def __init__(
        self, layers: Iterable[keras.Layer], adds_channel: bool = False, **options: Any
    ) -> None:
        super().__init__(**{"autocast": False, **options})
        self.layers = list(layers)
        self.adds_channel = bool(adds_channel)
        self.forget()

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Build the layers: weights that they create in their first step would belong to it."""
        shape = (*input_shape, 1) if self.adds_channel else tuple(input_shape)
        for layer in self.layers:
            if not (layer.built or mixes_rows(layer) or isinstance(layer, RandomAffine)):
                rows = keras.KerasTensor(shape, dtype=self.compute_dtype)
                apply(layer, rows, training=True)
        self.built = True

    @property
    def mixes(self) -> bool:
        """Whether rows are mixed."""
        return any(map(mixes_rows, self.layers))

    def forget(self) -> None:
        """Forget the proportions, which belong to one batch."""
        self._set_proportions(None)

    def _set_proportions(self, value: Any) -> None:
        # Not by assignment, which Keras would track.
        object.__setattr__(self, "proportions", value)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the rows, changed if `training`."""
        self.forget()
        if not training:
            return inputs
        x = ops.cast(inputs, self.compute_dtype)
        x = ops.expand_dims(x, -1) if self.adds_channel else x
        proportions = None
        for layer in self.layers:
            if not mixes_rows(layer):
                x = apply(layer, x, training=True)
                continue
            if proportions is None:  # at first, each row consists of itself
                proportions = ops.eye(ops.shape(x)[0], dtype="float32")
            mixed = apply(layer, {"images": x, "labels": proportions}, training=True)
            x, proportions = mixed["images"], mixed["labels"]
        self._set_proportions(proportions)
        if "int" in keras.backend.standardize_dtype(inputs.dtype):
            x = ops.round(x)
        x = ops.cast(x, inputs.dtype)
        if None in inputs.shape[1:]:
            return x
        return ops.reshape(x, (-1, *inputs.shape[1:]))  # which some layers leave open

    def compute_output_spec(self, inputs: Any, training: bool = False) -> keras.KerasTensor:
        """Return shape and dtype of the inputs."""
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the serialized constructor arguments."""
        layers = [keras.saving.serialize_keras_object(layer) for layer in self.layers]
        return {**super().get_config(), "layers": layers, "adds_channel": self.adds_channel}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Augmentation:
        """Build the layer from its configuration."""
        layers = [keras.saving.deserialize_keras_object(layer) for layer in config["layers"]]
        return cls(**{**config, "layers": layers})


def apply(layer: keras.Layer, inputs: Any, *, training: bool) -> Any:
    """Call a layer.

    Parameters
    ----------
    layer : keras.Layer
        The layer.
    inputs : tensor or dict of str to tensor
        Its input.
    training : bool
        Whether it is called in training; layers without such an argument do the same in any case.
    """
    if "training" in accepted_parameters(type(layer).call).names:
        return layer(inputs, training=training)
    return layer(inputs)


@_register
class RandomAffine(keras.layers.Layer):
    """Shift, turn, scale and shear each image at random, all at once.

    One transformation with one interpolation replaces four layers of Keras; it takes a fraction of
    their time and blurs less. What lies outside of an image has the value of the nearest pixel.

    Parameters
    ----------
    shift : float, default=0.0
        Longest shift, as a fraction of height and width.
    rotation : float, default=0.0
        Largest angle in degrees.
    zoom : float, default=0.0
        Images are scaled by up to ``1 + zoom``, and down to its inverse.
    shear : float, default=0.0
        Largest angle of shearing in degrees.
    seed : int, default=None
        Seed.
    **options : dict
        Keyword arguments of ``keras.layers.Layer``.

    References
    ----------
    P. Simard, D. Steinkraus, J. Platt. "Best practices for convolutional neural networks applied
    to visual document analysis", ICDAR 2003, section 2.
    """

    def __init__(
        self,
        shift: float = 0.0,
        rotation: float = 0.0,
        zoom: float = 0.0,
        shear: float = 0.0,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.shift = shift
        self.rotation = rotation
        self.zoom = zoom
        self.shear = shear

    def call(self, images: Any, training: bool = False) -> Any:
        """Return the images, of shape ``(batch, height, width, channels)``."""
        if not training:
            return images
        return ops.image.affine_transform(
            images,
            self._transforms(images),
            interpolation="bilinear",
            fill_mode="nearest",
            data_format="channels_last",
        )

    def _transforms(self, images: Any) -> Any:
        """Draw where each pixel of the output is in the input, as rows of a projective matrix."""
        height, width = (ops.cast(size, self.compute_dtype) for size in ops.shape(images)[1:3])
        drawn = keras.random.uniform(
            (6, ops.shape(images)[0]), -1.0, 1.0, dtype=self.compute_dtype, seed=self.seed_generator
        )
        turned = drawn[0] * math.radians(self.rotation)
        sheared = ops.tan(drawn[1] * math.radians(self.shear))
        scale_x, scale_y = ((1.0 + self.zoom) ** drawn[i] for i in (2, 3))
        cosine, sine = ops.cos(turned), ops.sin(turned)
        # Rotation times shear times scale.
        a, b = cosine * scale_x, (cosine * sheared - sine) * scale_y
        c, d = sine * scale_x, (sine * sheared + cosine) * scale_y
        x, y = (width - 1) / 2, (height - 1) / 2  # the center stays, but for the shift
        shift_x, shift_y = drawn[4] * self.shift * width, drawn[5] * self.shift * height
        zeros = ops.zeros_like(a)
        rows = [a, b, x - a * x - b * y + shift_x, c, d, y - c * x - d * y + shift_y, zeros, zeros]
        return ops.stack(rows, axis=1)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        names = ("shift", "rotation", "zoom", "shear", "seed")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **own}
