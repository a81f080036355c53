"""Image files, decoded into one array of 8 bits: all of one size, with the same channels."""

from __future__ import annotations

import errno
import functools
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from keras_multiclass._data.images.headers import Header, UnreadableError, is_bitmap, read_header
from keras_multiclass._data.images.paths import list_files
from keras_multiclass._shared.messages import invalid, warn

ImageShape: TypeAlias = tuple[int | None, int | None, int | None]
"""Height, width and channels that a network reads; None for any."""

_LONGEST_SIDE = 512  # of images of one size, which is kept
_LONGEST_RESIZED_SIDE = 224
_MOST_IN_MEMORY = 2**30  # bytes; larger arrays are in a temporary file
_FILES_PER_CALL = 64
_DECODED_AT_ONCE = 8
_BYTES_OF_PART = 2**27
_BITS = 8
# Of these files, TensorFlow finds all that is wrong; bitmaps may have colors that it does not see.
_WITHOUT_PALETTE = (".png", ".jpg", ".jpeg", ".gif")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class ImageFiles:
    """How image files are decoded.

    Attributes
    ----------
    height, width : int
        The size that images are resized to.
    channels : {1, 3}
        Gray or RGB, to which images are converted.
    """

    height: int
    width: int
    channels: int

    @classmethod
    def learn(
        cls,
        paths: list[str],
        size: tuple[int, int] | str = "auto",
        network: ImageShape = (None, None, None),
    ) -> ImageFiles:
        """Choose size and channels from the headers of all files.

        Parameters
        ----------
        paths : list of str
            The files.
        size : "auto" or tuple (height, width), default="auto"
            The parameter `image_size`.
        network : tuple of int or None, default=(None, None, None)
            Height, width and channels that the user's network reads.

        Raises
        ------
        ValueError
            If some of the files are no images.
        """
        headers, problems = _read_headers(paths)
        if problems:
            raise _unreadable(problems, paths)
        _warn_of_bits(headers)
        height, width, channels = network
        if not isinstance(size, str):
            height, width = size
        elif height is None or width is None:
            height, width = _common_size(headers)
        if channels not in (1, 3):
            channels = max(header.channels for header in headers)
        return cls(height, width, channels)

    @property
    def rows_of_part(self) -> int:
        """Number of images that are decoded together when many are predicted."""
        return max(1, _BYTES_OF_PART // (self.height * self.width * self.channels))

    def decode(self, paths: list[str], first: int = 0) -> NDArray[np.uint8]:
        """Decode files.

        Parameters
        ----------
        paths : list of str
            The files.
        first : int, default=0
            The position of the first in the user's X, for messages.

        Returns
        -------
        ndarray of uint8 of shape (n_files, height, width, channels)
            Memory-mapped if it is large; the file is removed with the array.

        Raises
        ------
        ValueError
            If a file cannot be decoded.
        """
        _, problems = _read_headers(paths, skip=_WITHOUT_PALETTE)
        if problems:
            raise _unreadable(problems, paths, first)
        images = _allocate((len(paths), self.height, self.width, self.channels))
        for start in range(0, len(paths), _FILES_PER_CALL):
            part = paths[start : start + _FILES_PER_CALL]
            try:
                images[start : start + len(part)] = _decode(part, *images.shape[1:])
            except _errors_of_tensorflow():
                problems = find_broken(part)
                if not problems:
                    raise
                raise _unreadable(problems, part, first + start) from None
        return images


def find_broken(paths: list[str]) -> dict[int, str]:
    """Return what is wrong with files that cannot be decoded, by position.

    Parameters
    ----------
    paths : list of str
        The files.
    """
    _, problems = _read_headers(paths)
    others = [i for i in range(len(paths)) if i not in problems]
    for start in range(0, len(others), _FILES_PER_CALL):
        part = others[start : start + _FILES_PER_CALL]
        if not _can_decode([paths[i] for i in part]):
            damaged = [i for i in part if not _can_decode([paths[i]])]
            problems |= dict.fromkeys(damaged, "is cut off or damaged")
    return dict(sorted(problems.items()))


def _can_decode(paths: list[str]) -> bool:
    try:
        _decode(paths, 1, 1, 3)
    except _errors_of_tensorflow():
        return False
    return True


def _read_headers(
    paths: list[str], skip: tuple[str, ...] = ()
) -> tuple[list[Header], dict[int, str]]:
    """Return the headers of files, and what is wrong with some.

    Those of files with extensions to skip are read only if they are bitmaps nevertheless.
    """
    headers, problems = [], {}
    for i, path in enumerate(paths):
        if path.lower().endswith(skip) and not is_bitmap(path):
            continue
        try:
            headers.append(read_header(path))
        except UnreadableError as error:
            problems[i] = str(error)
    return headers, problems


def _unreadable(problems: dict[int, str], paths: list[str], first: int | None = None) -> ValueError:
    """Return the error for files that cannot be read, of all or of some from `first` on."""
    count = f"{len(problems)} of {len(paths)}" if first is None else f"at least {len(problems)}"
    cures = []
    if "does not exist" in problems.values():
        relative = any(not os.path.isabs(paths[i]) for i in problems)
        cures.append(
            f"Relative paths are relative to {os.getcwd()!r}." if relative else "Check the paths."
        )
    if set(problems.values()) != {"does not exist"}:
        cures.append(
            "Replace these files or leave them out; images_from_directory(folder, "
            "broken='skip') does."
        )
    return ValueError(
        invalid(
            "Each path in X",
            "that of a readable PNG, JPEG, BMP or GIF",
            f"{count} that are not: {list_files(problems, paths, first or 0)}",
            " ".join(cures),
        )
    )


def _warn_of_bits(headers: Sequence[Header]) -> None:
    n_deep = sum(header.bits > _BITS for header in headers)
    if n_deep:
        warn(
            f"{n_deep} of {len(headers)} images in X have more than 8 bits for each channel, of "
            "which the upper 8 are read. To use all, decode them yourself: X = np.stack("
            "[tf.io.decode_png(tf.io.read_file(path), dtype=tf.uint16) for path in X])."
        )


def _common_size(headers: Sequence[Header]) -> tuple[int, int]:
    """Return the size of all images; if they differ or are large, the median, scaled down."""
    sizes = Counter((header.height, header.width) for header in headers)
    size = next(iter(sizes))
    if len(sizes) == 1 and max(size) <= _LONGEST_SIDE:
        return size
    heights, widths = zip(*sizes.elements(), strict=True)
    median = np.array([np.median(heights), np.median(widths)])
    scaled = np.round(median * min(1.0, _LONGEST_RESIZED_SIDE / median.max()))
    height, width = np.maximum(scaled, 1).astype(int).tolist()
    return height, width


def _allocate(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    n_bytes = int(np.prod(shape, dtype=np.int64))
    if n_bytes <= _MOST_IN_MEMORY:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:  # which exists for as long as it is mapped
        _reserve(file.fileno(), n_bytes)
        return np.memmap(file, np.uint8, "w+", shape=shape)


def _reserve(file: int, n_bytes: int) -> None:
    """Take the space of a file now: a disk that is full later would end the process."""
    try:
        os.posix_fallocate(file, 0, n_bytes)
    except AttributeError:  # not on macOS and Windows
        return
    except OSError as error:
        if error.errno not in _FULL:
            return
        raise OSError(
            error.errno,
            f"The folder for temporary files, {tempfile.gettempdir()!r}, must have space for "
            f"{n_bytes / 2**30:.1f} GiB of decoded images; got an error: "
            f"{os.strerror(error.errno)}. Set a smaller image_size, or the environment variable "
            "TMPDIR to another folder",
        ) from error


def _errors_of_tensorflow() -> type[Exception]:
    import tensorflow as tf

    return tf.errors.OpError


def _decode(paths: list[str], height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """Decode a few files at once."""
    import tensorflow as tf

    names = tf.constant(list(map(os.fsencode, paths)))
    with tf.device("CPU:0"):
        return _decoder()(names, np.array([height, width], np.int32), np.int32(channels)).numpy()


@functools.cache
def _decoder() -> Callable[..., Any]:
    """Return the function that decodes files: one trace for all sizes, made when first used."""
    import tensorflow as tf

    def decode(path: Any, size: Any, channels: Any) -> Any:
        image = tf.io.decode_image(tf.io.read_file(path), expand_animations=False)
        image.set_shape([None, None, None])
        is_gray = tf.shape(image)[2] < 3  # with transparency or without
        # As keras.utils.image_dataset_from_directory does.
        image = tf.image.resize(image, size)
        gray, color = image[..., :1], image[..., :3]
        image = tf.cond(
            channels == 1,
            lambda: tf.cond(is_gray, lambda: gray, lambda: tf.image.rgb_to_grayscale(color)),
            lambda: tf.cond(is_gray, lambda: tf.repeat(gray, 3, axis=2), lambda: color),
        )
        return tf.cast(tf.round(image), tf.uint8)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string),
            tf.TensorSpec([2], tf.int32),
            tf.TensorSpec([], tf.int32),
        ]
    )
    def decode_all(paths: Any, size: Any, channels: Any) -> Any:
        return tf.map_fn(
            lambda path: decode(path, size, channels),
            paths,
            fn_output_signature=tf.TensorSpec([None, None, None], tf.uint8),
            parallel_iterations=_DECODED_AT_ONCE,
        )

    return decode_all
