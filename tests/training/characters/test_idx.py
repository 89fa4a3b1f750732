"""The idx loader, bit for bit, on files that the tests write."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from training.characters.idx import read_array, read_split, upright


def write_idx(path: Path, array: np.ndarray) -> None:
    content = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_emnist(folder: Path, images: np.ndarray, labels: list[int], variant: str = "byclass", part: str = "train"):
    write_idx(folder / f"emnist-{variant}-{part}-images-idx3-ubyte.gz", images)
    write_idx(folder / f"emnist-{variant}-{part}-labels-idx1-ubyte.gz", np.array(labels, np.uint8))


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def test_an_array_comes_back_bit_for_bit(tmp_path: Path) -> None:
    array = np.random.default_rng(2).integers(0, 256, (5, 3, 7), dtype=np.uint8)
    for name in ("plain-ubyte", "packed-ubyte.gz"):
        write_idx(tmp_path / name, array)
        np.testing.assert_array_equal(read_array(tmp_path / name), array)


def test_emnist_images_are_put_upright_bit_for_bit(tmp_path: Path) -> None:
    drawn = noise(4)
    write_emnist(tmp_path, drawn.transpose(0, 2, 1).copy(), [0, 10, 36, 61])
    split = read_split(tmp_path, "byclass", "train")
    np.testing.assert_array_equal(split.images, drawn)
    assert "".join(split.characters) == "0Aaz"


def test_a_stroke_along_the_top_is_stored_along_the_left() -> None:
    drawn = np.zeros((1, 28, 28), np.uint8)
    drawn[0, 0, :] = 255
    stored = drawn.transpose(0, 2, 1)
    assert stored[0, :, 0].all()
    np.testing.assert_array_equal(upright(stored), drawn)


def test_mnist_under_its_own_file_names_is_left_as_it_is(tmp_path: Path) -> None:
    drawn = noise(2)
    write_idx(tmp_path / "t10k-images-idx3-ubyte", drawn)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.array([7, 3], np.uint8))
    split = read_split(tmp_path, "mnist", "test")
    np.testing.assert_array_equal(split.images, drawn)
    assert "".join(split.characters) == "73"


@pytest.mark.parametrize(
    ("variant", "labels", "text"),
    [("balanced", [35, 36, 46], "Zat"), ("letters", [1, 26], "AZ"), ("digits", [9], "9"), ("bymerge", [38], "d")],
)
def test_each_variant_has_its_own_classes(tmp_path: Path, variant: str, labels: list[int], text: str) -> None:
    write_emnist(tmp_path, noise(len(labels)), labels, variant)
    assert "".join(read_split(tmp_path, variant, "train").characters) == text


def test_a_label_outside_the_variant_is_refused(tmp_path: Path) -> None:
    write_emnist(tmp_path, noise(1), [10], "digits")
    with pytest.raises(ValueError, match="label 10 is not one of the 10 of digits"):
        read_split(tmp_path, "digits", "train")


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short-ubyte"
    write_idx(path, noise(2))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="fetch the file again"):
        read_array(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b"<html>")
    with pytest.raises(ValueError, match="not an idx file"):
        read_array(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"emnist-byclass-train-images-idx3-ubyte\.gz"):
        read_split(tmp_path, "byclass", "train")


def test_an_unknown_variant_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="byclass, bymerge, balanced"):
        read_split(tmp_path, "words", "train")
