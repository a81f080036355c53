"""Size and channels of image files, from their first bytes.

TensorFlow decodes the files, but reads sizes of JPEG alone, and some bitmaps not as they look.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

_NO_IMAGE = "is not a PNG, JPEG, BMP or GIF"
_LEAST = 32  # bytes; shorter files hold no image
_BITMAP = b"BM"
_BITMAP_HEADER = 34
_LARGEST_PALETTE = 1024
# Markers of JPEG that begin the description of a frame.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xDA)})
_CHANNELS_OF_PNG = {0: 1, 2: 3, 3: 3, 4: 1, 6: 3}


@dataclass(frozen=True)
class Header:
    """What an image is like.

    Attributes
    ----------
    height, width : int
        Its size in pixels.
    channels : int
        1 for gray, 3 for color; transparency does not count.
    bits : int
        Bits of each channel, if more than 8 or fewer.
    """

    height: int
    width: int
    channels: int
    bits: int = 8


class UnreadableError(Exception):
    """A file that is not an image; the text completes a sentence that begins with its name."""


def read_header(path: str) -> Header:
    """Read the beginning of an image file.

    Parameters
    ----------
    path : str
        The file.

    Raises
    ------
    UnreadableError
        If there is no such file, or it is none that TensorFlow decodes.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(_LEAST)
            header = _parse(start, file)
    except (OSError, ValueError) as error:
        raise UnreadableError(_reason(path, error)) from error
    if min(header.height, header.width) < 1:
        raise UnreadableError("has no pixels")
    return header


def is_bitmap(path: str) -> bool:
    """Whether a file begins like a BMP, whatever its name; False if it cannot be read.

    Parameters
    ----------
    path : str
        The file.
    """
    try:
        with open(path, "rb") as file:
            return file.read(len(_BITMAP)) == _BITMAP
    except (OSError, ValueError):
        return False


def _reason(path: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, IsADirectoryError) or os.path.isdir(path):
        return "is a folder"
    if isinstance(error, PermissionError):
        return "may not be read"
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"cannot be opened ({reason})"


def _parse(start: bytes, file: BinaryIO) -> Header:
    if not start:
        raise UnreadableError("is empty")
    if len(start) < _LEAST:
        raise UnreadableError(_NO_IMAGE)
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height, bits, kind = struct.unpack(">IIBB", start[16:26])
        return Header(height, width, _CHANNELS_OF_PNG.get(kind, 3), bits)
    if start.startswith(b"\xff\xd8\xff"):
        return _parse_jpeg(file)
    if start.startswith((b"GIF87a", b"GIF89a")):
        width, height = struct.unpack("<HH", start[6:10])
        return Header(height, width, 3)
    if start.startswith(_BITMAP):
        return _parse_bitmap(start, file)
    raise UnreadableError(_NO_IMAGE)


def _parse_jpeg(file: BinaryIO) -> Header:
    """Go from segment to segment to that of the frame."""
    file.seek(2)
    while True:
        byte = file.read(1)
        while byte not in (b"\xff", b""):  # garbage, which decoders skip
            byte = file.read(1)
        while byte == b"\xff":
            byte = file.read(1)
        if not byte:
            raise UnreadableError("is cut off")
        if byte[0] in _WITHOUT_LENGTH:
            continue
        segment = file.read(8)
        if len(segment) < 8:
            raise UnreadableError("is cut off")
        length, bits, height, width, channels = struct.unpack(">HBHHB", segment)
        if byte[0] in _FRAMES:
            return Header(height, width, 1 if channels == 1 else 3, bits)
        file.seek(length - 8, os.SEEK_CUR)


def _parse_bitmap(start: bytes, file: BinaryIO) -> Header:
    start += file.read(2)
    if len(start) < _BITMAP_HEADER:
        raise UnreadableError("is cut off")
    offset, header_size = struct.unpack("<II", start[10:18])
    width, height, _, bits = struct.unpack("<iiHH", start[18:30])
    compression = struct.unpack("<I", start[30:34])[0]
    if bits not in (8, 24, 32) or compression not in (0, 3):
        raise UnreadableError("is a BMP of a kind that cannot be read; save it as PNG")
    if bits == 8:  # TensorFlow takes numbers of colors for gray values
        file.seek(14 + header_size)
        colors = file.read(min(max(offset - 14 - header_size, 0), _LARGEST_PALETTE))
        if any(colors[4 * i : 4 * i + 3] != bytes([i] * 3) for i in range(len(colors) // 4)):
            raise UnreadableError("is a BMP with a palette; save it as PNG")
    return Header(abs(height), abs(width), 1 if bits == 8 else 3)
