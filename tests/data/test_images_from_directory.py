"""Folders of images: which files and classes are found, and what is said about the others."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_files

from keras_multiclass import images_from_directory

IMAGE = tf.io.encode_png(np.zeros((4, 4, 1), np.uint8)).numpy()


@pytest.fixture
def folder(tmp_path):
    names = ["cat/b.png", "cat/a.JPG", "cat/old/young/c.jpeg", "Dog/1.gif", "Dog/2.bmp"]
    return write(tmp_path / "pets", *names)


def write(root, *names, content=IMAGE):
    for name in names:
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def found(*arguments, **parameters):
    """Return the paths and labels, the paths relative to the folder."""
    paths, labels = images_from_directory(*arguments, **parameters)
    return [Path(os.path.relpath(path, arguments[0])).as_posix() for path in paths], [*labels]


def test_each_sub_folder_is_a_class_and_is_read_with_the_folders_below(folder):
    paths, labels = found(folder)
    assert paths == ["Dog/1.gif", "Dog/2.bmp", "cat/a.JPG", "cat/b.png", "cat/old/young/c.jpeg"]
    assert labels == ["Dog", "Dog", "cat", "cat", "cat"]


def test_paths_and_labels_are_arrays_of_strings_as_those_of_load_files(folder):
    (folder / "cat" / "old" / "young" / "c.jpeg").unlink()  # load_files reads no folders below
    (folder / "cat" / "old" / "young").rmdir()
    (folder / "cat" / "old").rmdir()
    paths, labels = images_from_directory(folder)
    loaded = load_files(folder, load_content=False, shuffle=False)
    assert [*paths] == [*loaded.filenames]
    assert [*labels] == [loaded.target_names[i] for i in loaded.target]
    assert paths.dtype.kind == loaded.filenames.dtype.kind == labels.dtype.kind == "U"
    assert paths.shape == labels.shape == (4,)


def test_paths_begin_with_the_folder_as_it_was_given(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert images_from_directory("pets")[0][0] == os.path.join("pets", "Dog", "1.gif")
    assert images_from_directory(Path("pets"))[0][0] == os.path.join("pets", "Dog", "1.gif")
    assert images_from_directory(str(folder))[0][0] == str(folder / "Dog" / "1.gif")


def test_hidden_files_and_files_that_are_no_images_are_left_out(folder):
    before = found(folder)
    write(folder, "cat/.hidden.png", "cat/.hidden/a.png", ".cache/a.png", ".a.png")
    write(folder, "cat/notes.txt", "cat/a.xml", "cat/Thumbs.db", "cat/png", "README.md")
    assert found(folder) == before


def test_images_of_other_formats_are_left_out_with_a_warning_that_counts_them(folder):
    before = found(folder)
    write(folder, "cat/a.webp", "cat/old/b.WEBP", "Dog/a.tiff")
    with pytest.warns(UserWarning, match=r"left out: 2 \.webp, 1 \.tiff\. Save them as"):
        assert found(folder) == before


def test_images_beside_the_sub_folders_are_left_out_with_a_warning(folder):
    before = found(folder)
    write(folder, "loose.png", "loose.jpg")
    with pytest.warns(UserWarning, match="2 images in .* none of its sub-folders, and left out"):
        assert found(folder) == before


def test_linked_folders_are_read_once(folder, tmp_path):
    write(tmp_path, "elsewhere/x.png")
    (folder / "cow").symlink_to(tmp_path / "elsewhere")
    (folder / "cow" / "again").symlink_to(folder / "cow")
    assert found(folder, classes=["cow"]) == (["cow/x.png"], ["cow"])


def test_classes_selects_sub_folders_which_may_be_below(folder):
    assert found(folder, classes=["cat/old"]) == (["cat/old/young/c.jpeg"], ["cat/old"])
    assert set(found(folder, classes=["cat", "Dog"])[1]) == {"cat", "Dog"}


@pytest.mark.parametrize(
    ("classes", "error", "message"),
    [
        ("cat", TypeError, "a list of names of sub-folders; got 'cat'"),
        ([], ValueError, "a list of names of sub-folders; got list of length 0"),
        (["cat", "cat"], ValueError, "different names of sub-folders; got repeated"),
        (["cats"], ValueError, "the unknown 'cats'. Did you mean 'cat'?"),
    ],
)
def test_wrong_classes_are_errors(folder, classes, error, message):
    with pytest.raises(error, match=message.replace("?", r"\?")):
        images_from_directory(folder, classes=classes)


def test_a_folder_with_fewer_than_two_classes_is_an_error(tmp_path):
    message = "sub-folder for each of at least two classes; got no sub-folders and 0 images beside"
    with pytest.raises(ValueError, match=message):
        images_from_directory(tmp_path)
    write(tmp_path, "a.png", "b.png")
    with pytest.raises(ValueError, match="no sub-folders and 2 images beside.* pass their paths"):
        images_from_directory(tmp_path)
    write(tmp_path, "cat/a.png")
    with pytest.raises(ValueError, match="got 1 sub-folder: 'cat' and 2 images beside"):
        images_from_directory(tmp_path)
    assert found(tmp_path, classes=["cat"])[1] == ["cat"]  # as the message says


def test_a_sub_folder_without_images_is_an_error_that_names_it(folder):
    write(folder, "cow/a.webp", "cow/b.webp", "empty/notes.txt")
    message = r"got none in 2 sub-folders: 'cow', 'empty', but other formats: 2 \.webp.* classes="
    with pytest.raises(ValueError, match=message):
        images_from_directory(folder)
    with pytest.raises(ValueError, match="'cow', but .* Leave them out of `classes`"):
        images_from_directory(folder, classes=["cat", "cow"])
    assert set(found(folder, classes=["cat", "Dog"])[1]) == {"cat", "Dog"}


def test_parts_of_the_data_are_warned_of(folder, tmp_path):
    write(tmp_path / "data", "Train/cat/a.png", "Train/dog/a.png", "test/cat/b.png")
    with pytest.warns(UserWarning, match="named like parts of the data.*'Train', 'test'") as caught:
        assert found(tmp_path / "data")[1] == ["Train", "Train", "test"]
    code = str(caught[0].message).partition("one by one: ")[2].removesuffix(".")
    _, labels = eval(code, {"images_from_directory": images_from_directory})
    assert [*labels] == ["cat", "dog"]


def test_a_folder_that_does_not_exist_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "a.png")
    with pytest.raises(
        ValueError, match="a folder that exists; got 'pets'. Relative paths are relative"
    ):
        images_from_directory("pets")
    with pytest.raises(ValueError, match="got '.*a.png', which is a file"):
        images_from_directory(tmp_path / "a.png")
    with pytest.raises(TypeError, match="a string or an os.PathLike; got 3"):
        images_from_directory(3)


def test_broken_files_are_found_here_if_asked_for(folder):
    write(folder, "Dog/empty.png", content=b"")
    write(folder, "cat/short.png", content=IMAGE[:-9])
    assert len(found(folder)[0]) == 7  # none is opened
    message = r"got 2 of 7 files: '.*empty.png' is empty; '.*short.png' is cut off or damaged"
    with pytest.raises(ValueError, match=f"{message}. Replace or remove them, or"):
        images_from_directory(folder, broken="error")
    with pytest.warns(UserWarning, match="cannot be read are left out, 2 of 7 files"):
        paths, labels = found(folder, broken="skip")
    assert paths == ["Dog/1.gif", "Dog/2.bmp", "cat/a.JPG", "cat/b.png", "cat/old/young/c.jpeg"]
    assert labels == ["Dog", "Dog", "cat", "cat", "cat"]
    assert found(folder, classes=["cat/old"], broken="error")[1] == ["cat/old"]
    with pytest.raises(ValueError, match="`broken` must be one of 'error', 'skip', None; got True"):
        images_from_directory(folder, broken=True)


def test_a_class_whose_files_are_all_broken_is_an_error(folder):
    write(folder, "cow/a.png", "cow/b.png", content=b"")
    with pytest.raises(ValueError, match="can be read; got none in 1 sub-folder: 'cow'"):
        images_from_directory(folder, broken="skip")


def test_a_link_to_a_sibling_adds_no_images(tmp_path):
    write(tmp_path, "oak/a/1.png", "ash/2.png")
    (tmp_path / "oak" / "b").symlink_to(tmp_path / "oak" / "a")
    paths, labels = images_from_directory(tmp_path)
    assert len(paths) == 2
    assert sorted(labels) == ["ash", "oak"]
