"""Image files: their headers, and how they are decoded."""

from __future__ import annotations

import errno
import os
import struct
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multiclass._data.images import files as image_files
from keras_multiclass._data.images.files import ImageFiles
from keras_multiclass._data.images.headers import Header, read_header

RNG = np.random.default_rng(0)
COLOR = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
GRAY = COLOR[..., :1]
# A red pixel and a blue one, then a second frame of two blue ones.
GIF = bytes.fromhex(
    "47494638376102000100810000ff00000000ff0000000000002c000000000200010000080500010408080021f9"
    "0401000001002c0000000001000100810000ff000000000000000000080400010404003b"
)
# A PNG with a palette: red, green, blue; dark gray, light gray, black.
PALETTE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000030000000204030000006f5a7b2900000012504c5445c8c8c800"
    "fa00090909fa00000000fa000000a80f52a90000000e4944415478da6334e4677a2f000003310143c162d8fd00"
    "00000049454e44ae426082"
)


def png(image):
    return tf.io.encode_png(image).numpy()


def jpeg(image, **options):
    return tf.io.encode_jpeg(image, **options).numpy()


def bitmap(image, *, palette=None, top_down=False):
    """Encode a BMP: rows from bottom to top, channels in reverse, rows padded to 4 bytes."""
    height, width, channels = image.shape
    order = [0, 2, 1, 0][:channels] if channels == 1 else [2, 1, 0, 3][:channels]
    rows = image[..., order] if top_down else image[::-1][..., order]
    rows = np.pad(rows.reshape(height, -1), ((0, 0), (0, -width * channels % 4)))
    colors = b"" if channels > 1 else bytes(np.repeat(palette, 4))
    start = 54 + len(colors)
    head = struct.pack("<2sIHHI", b"BM", start + rows.size, 0, 0, start)
    size = -height if top_down else height
    info = struct.pack("<IiiHHIIiiII", 40, width, size, 1, 8 * channels, 0, rows.size, 0, 0, 0, 0)
    return head + info + colors + rows.tobytes()


def with_comment(encoded):
    """Return a JPEG with a long segment in front of that of the frame."""
    return encoded[:2] + b"\xff\xfe" + struct.pack(">H", 60_000) + bytes(59_998) + encoded[2:]


ALPHA = RNG.integers(0, 256, (6, 9, 1), dtype=np.uint8)
ENCODED = {
    "gray png": (png(GRAY), 1),
    "color png": (png(COLOR), 3),
    "png with alpha": (png(np.concatenate([COLOR, ALPHA], axis=2)), 3),
    "gray png with alpha": (png(np.concatenate([GRAY, ALPHA], axis=2)), 1),
    "png of 16 bits": (png(GRAY.astype(np.uint16) * 256 + 77), 1),
    "png with palette": (PALETTE, 3),
    "gray jpeg": (jpeg(GRAY), 1),
    "color jpeg": (jpeg(COLOR), 3),
    "progressive jpeg": (jpeg(COLOR, progressive=True), 3),
    "jpeg with a comment": (with_comment(jpeg(COLOR)), 3),
    "gif": (GIF, 3),
    "gray bmp": (bitmap(GRAY, palette=np.arange(256, dtype=np.uint8)), 1),
    "color bmp": (bitmap(COLOR), 3),
    "bmp with alpha": (bitmap(np.concatenate([COLOR, ALPHA], axis=2)), 3),
    "bmp from the top": (bitmap(COLOR, top_down=True), 3),
}


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return str(path)


@pytest.fixture(params=ENCODED)
def encoded(request, tmp_path):
    content, channels = ENCODED[request.param]
    return write(tmp_path, "image.png", content), content, channels  # whatever its name says


def test_a_header_says_what_tensorflow_decodes(encoded):
    path, content, channels = encoded
    decoded = tf.io.decode_image(content, expand_animations=False).numpy()
    header = read_header(path)
    assert (header.height, header.width) == decoded.shape[:2]
    assert header.channels == channels == {1: 1, 2: 1, 3: 3, 4: 3}[decoded.shape[2]]


@pytest.mark.filterwarnings("ignore:.*more than 8 bits")
def test_an_image_of_the_same_size_is_decoded_without_a_change(encoded):
    path, content, channels = encoded
    expected = tf.io.decode_image(content, expand_animations=False).numpy()[..., :channels]
    files = ImageFiles.learn([path])
    assert files == ImageFiles(*expected.shape)
    decoded = files.decode([path])
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded[0], expected)


def test_formats_without_loss_are_decoded_to_their_pixels(tmp_path):
    files = ImageFiles(6, 9, 3)
    for name in ("color png", "png with alpha", "color bmp", "bmp with alpha", "bmp from the top"):
        path = write(tmp_path, "image.png", ENCODED[name][0])
        np.testing.assert_array_equal(files.decode([path])[0], COLOR)
    for name in ("gray png", "gray png with alpha", "png of 16 bits", "gray bmp"):
        path = write(tmp_path, "image.png", ENCODED[name][0])
        np.testing.assert_array_equal(ImageFiles(6, 9, 1).decode([path])[0], GRAY)
        np.testing.assert_array_equal(files.decode([path])[0], np.repeat(GRAY, 3, axis=2))
    of_gif = ImageFiles(1, 2, 3).decode([write(tmp_path, "image.gif", GIF)])
    np.testing.assert_array_equal(of_gif[0], [[[255, 0, 0], [0, 0, 255]]])
    of_palette = ImageFiles(2, 3, 3).decode([write(tmp_path, "image.png", PALETTE)])
    np.testing.assert_array_equal(of_palette[0, 0], 250 * np.eye(3))


def test_color_becomes_gray_by_its_luminance(tmp_path):
    path = write(tmp_path, "image.png", png(COLOR))
    luminance = COLOR @ np.array([0.299, 0.587, 0.114])
    decoded = ImageFiles(6, 9, 1).decode([path])[0, ..., 0]
    np.testing.assert_allclose(decoded, luminance, atol=0.52)


@pytest.mark.parametrize("size", [(3, 4), (6, 9), (20, 17)])
def test_images_are_resized_as_by_image_dataset_from_directory(tmp_path, size):
    paths = []
    for i, name in enumerate(["cat/a.png", "cat/b.jpg", "dog/c.bmp"]):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        image = np.roll(COLOR, i, axis=0)[: 6 - i]
        path.write_bytes([png, jpeg, bitmap][i](image))
        paths.append(str(path))
    dataset = keras.utils.image_dataset_from_directory(
        tmp_path, image_size=size, shuffle=False, verbose=False
    )
    expected = np.concatenate([images for images, _ in dataset])
    decoded = ImageFiles(*size, 3).decode(paths)
    np.testing.assert_allclose(decoded, expected, atol=0.5001)


def learn(folder, shapes, *arguments):
    paths = [
        write(folder, f"{i}.png", png(np.zeros(shape, np.uint8))) for i, shape in enumerate(shapes)
    ]
    files = ImageFiles.learn(paths, *arguments)
    return files.height, files.width, files.channels


def test_images_of_one_size_keep_it_up_to_512_pixels(tmp_path):
    assert learn(tmp_path, [(7, 9, 1)] * 3) == (7, 9, 1)
    assert learn(tmp_path, [(300, 512, 1)] * 2) == (300, 512, 1)
    assert learn(tmp_path, [(448, 896, 1)] * 2) == (112, 224, 1)


def test_different_sizes_become_the_median_of_at_most_224_pixels(tmp_path):
    assert learn(tmp_path, [(10, 30, 1), (12, 20, 1), (40, 21, 1)]) == (12, 21, 1)
    assert learn(tmp_path, [(448, 200, 1), (448, 224, 1), (448, 300, 1)]) == (224, 112, 1)
    assert learn(tmp_path, [(1, 600, 1), (1, 601, 1)]) == (1, 224, 1)


def test_one_image_in_color_makes_all_of_them_color(tmp_path):
    assert learn(tmp_path, [(7, 9, 1), (7, 9, 3)]) == (7, 9, 3)
    assert learn(tmp_path, [(7, 9, 2), (7, 9, 1)]) == (7, 9, 1)


def test_a_given_size_comes_before_that_of_the_network_and_this_before_that_of_the_files(tmp_path):
    shapes = [(7, 9, 1), (8, 9, 1)]
    assert learn(tmp_path, shapes, (4, 5)) == (4, 5, 1)
    assert learn(tmp_path, shapes, (4, 5), (2, 2, 3)) == (4, 5, 3)
    assert learn(tmp_path, shapes, "auto", (2, 3, 3)) == (2, 3, 3)
    assert learn(tmp_path, shapes, "auto", (None, None, 3)) == (8, 9, 3)


def test_images_of_more_than_8_bits_are_warned_of(tmp_path):
    deep = write(tmp_path, "deep.png", ENCODED["png of 16 bits"][0])
    with pytest.warns(UserWarning, match="1 of 2 images in X have more than 8 bits") as caught:
        ImageFiles.learn([deep, write(tmp_path, "flat.png", png(GRAY))])
    code = str(caught[0].message).partition("X = ")[2].removesuffix(".")
    decoded = eval(code, {"np": np, "tf": tf, "X": [deep, deep]})
    np.testing.assert_array_equal(decoded[0], GRAY.astype(np.uint16) * 256 + 77)


def broken(folder):
    """Write files that cannot be decoded, and return their paths by what is wrong."""
    (folder / "folder.png").mkdir()
    whole, many = png(COLOR), png(RNG.integers(0, 256, (80, 80, 3), dtype=np.uint8))
    forbidden = write(folder, "forbidden.png", whole)
    os.chmod(forbidden, 0)
    colors = np.arange(256, dtype=np.uint8)[::-1]
    contents = {
        "is empty": b"",
        "is not a PNG, JPEG, BMP or GIF": b"<svg>" * 20,
        "is cut off": jpeg(COLOR)[:40],
        "has no pixels": whole[:16] + bytes(4) + whole[20:],
        "is a BMP with a palette; save it as PNG": bitmap(GRAY, palette=colors),
        "is a BMP of a kind that cannot be read": bitmap(COLOR).replace(b"\x18\0", b"\x04\0", 1),
        "is cut off or damaged": many[: len(many) // 2],
    }
    paths = {
        problem: write(folder, f"{i}.bmp", content)
        for i, (problem, content) in enumerate(contents.items())
    }
    missing = str(folder / "missing.png")
    found = {"is a folder": str(folder / "folder.png"), "does not exist": missing, **paths}
    if os.geteuid():  # the administrator may read everything
        found["may not be read"] = forbidden
    return found


def test_a_broken_file_is_named_with_its_position_and_what_is_wrong(tmp_path):
    fine = write(tmp_path, "fine.png", png(COLOR))
    files = ImageFiles(6, 9, 3)
    for problem, path in broken(tmp_path).items():
        with pytest.raises(ValueError, match=f"X.8. {path!r} {problem}"):
            files.decode([fine, path, fine], first=7)
        if problem == "is cut off or damaged":  # which its header does not say
            continue
        with pytest.raises(ValueError, match=f"got 1 of 3 that are not: X.1. {path!r} {problem}"):
            ImageFiles.learn([fine, path, fine])


def test_a_bitmap_is_read_as_one_whatever_its_name(tmp_path):
    colors = np.arange(256, dtype=np.uint8)[::-1]
    path = write(tmp_path, "bitmap.png", bitmap(GRAY, palette=colors))
    with pytest.raises(ValueError, match="is a BMP with a palette; save it as PNG"):
        ImageFiles(6, 9, 3).decode([path])
    for content in (b"BM" + bytes(30), b"BM" + b"\xff" * 60):
        with pytest.raises(ValueError, match="got 1 of 1 that are not"):
            ImageFiles.learn([write(tmp_path, "short.bmp", content)])


def test_the_position_is_that_among_all_files(tmp_path):
    fine = write(tmp_path, "fine.png", png(COLOR))
    gone = str(tmp_path / "gone.png")
    with pytest.raises(ValueError, match=r"at least 1 that are not: X\[150\] "):
        ImageFiles(6, 9, 3).decode([fine] * 150 + [gone] + [fine] * 60)
    with pytest.raises(ValueError, match=r"got 5 of 155 .* X\[150\] .* X\[152\] .*; \.\.\."):
        ImageFiles.learn([fine] * 150 + [gone] * 5)


def test_relative_paths_start_at_the_current_folder(tmp_path, monkeypatch):
    write(tmp_path, "fine.png", png(COLOR))
    monkeypatch.chdir(tmp_path)
    assert ImageFiles.learn(["fine.png"]) == ImageFiles(6, 9, 3)
    with pytest.raises(ValueError, match="Relative paths are relative to") as caught:
        ImageFiles.learn(["fine.png", "gone.png"])
    assert str(tmp_path) in str(caught.value)


def test_names_of_files_may_have_any_characters(tmp_path):
    paths = [write(tmp_path, name, png(COLOR)) for name in ("a b.png", "ü中.png", "%s'{}.png")]
    odd = os.fsencode(tmp_path) + b"/\xff.png"
    Path(os.fsdecode(odd)).write_bytes(png(COLOR))
    decoded = ImageFiles(6, 9, 3).decode([*paths, os.fsdecode(odd)])
    np.testing.assert_array_equal(decoded, [COLOR] * 4)


def test_many_images_are_held_in_a_file_that_disappears_with_them(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "_MOST_IN_MEMORY", 10)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = write(tmp_path, "image.png", png(COLOR))
    decoded = ImageFiles(6, 9, 3).decode([path] * 100)
    assert isinstance(decoded, np.memmap)
    np.testing.assert_array_equal(decoded, [COLOR] * 100)
    del decoded
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="The system reserves no space.")
def test_a_full_disk_is_an_error_that_says_how_much_space_is_needed(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(image_files, "_MOST_IN_MEMORY", 10)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"must have space for 0.6 GiB of .* No space left") as caught:
        ImageFiles(8192, 8192, 3).decode(["image.png"] * 3)
    assert caught.value.errno == errno.ENOSPC


def test_one_trace_decodes_all_sizes_and_channels(tmp_path):
    path = write(tmp_path, "image.png", png(COLOR))
    for size in range(1, 6):
        for channels in (1, 3):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert ImageFiles(size, 2, channels).decode([path]).shape == (1, size, 2, channels)
    assert image_files._decoder().experimental_get_tracing_count() == 1


def test_headers_know_the_bits_of_a_channel(tmp_path):
    path = write(tmp_path, "image.png", ENCODED["png of 16 bits"][0])
    assert read_header(path) == Header(6, 9, 1, 16)
