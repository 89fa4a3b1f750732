"""Where characters come from: EMNIST through tensorflow-datasets, and a user's own folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from evaluation.characters.collections import Collection, Part
from training.characters import datasets
from training.drawing.fonts import ALPHABET


def drawn(text: str, hand: int) -> np.ndarray:
    """A character as EMNIST shows it when upright: (28, 28), ink = 255; its strokes depend on the hand."""
    rng = np.random.default_rng(hand)
    image = np.zeros((28, 28), np.uint8)
    cv2.putText(image, text, (5, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2, cv2.LINE_AA)
    matrix = np.eye(2, 3) + np.hstack([rng.normal(0, 0.08, (2, 2)), rng.normal(0, 1, (2, 1))])
    return cv2.warpAffine(image, matrix, (28, 28))


def catalogue(asked: list[tuple[str, str]]) -> SimpleNamespace:
    """A tensorflow-datasets of 40 + 8 characters: images (28, 28, 1), stored transposed as the real one stores them."""

    def load(name: str, *, split: str, as_supervised: bool) -> list[tuple[np.ndarray, np.int64]]:
        assert as_supervised
        asked.append((name, split))
        texts = "7AbR" * (10 if split == "train" else 2)
        hands = range(100, 140) if split == "train" else range(8)
        return [
            (drawn(text, hand).T[..., None], np.int64(ALPHABET.index(text)))
            for text, hand in zip(texts, hands, strict=True)
        ]

    def as_numpy(rows: list[tuple[np.ndarray, np.int64]]) -> Iterator[tuple[np.ndarray, np.int64]]:
        return iter(rows)

    return SimpleNamespace(load=load, as_numpy=as_numpy)


def test_emnist_through_tensorflow_datasets_is_upright_and_keeps_its_own_test_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", catalogue(asked))
    found = datasets.from_tfds("byclass", tmp_path)
    assert asked == [("emnist/byclass", "train"), ("emnist/byclass", "test")]
    assert found.name == "emnist_byclass"
    assert len(found.parts[Part.TEST]) == 8
    assert len(found.parts[Part.TRAIN]) + len(found.parts[Part.VALIDATION]) == 40
    for part in Part:
        for image, label in zip(found.parts[part].images, found.parts[part].labels, strict=True):
            assert ALPHABET[label] == best_likeness(image)


def best_likeness(image: np.ndarray) -> str:
    """Which of the four drawn characters the glyph resembles most; a transposed one resembles another, or none."""
    from engines.common.glyph import Glyph, prepare

    likeness = {}
    for text in "7AbR":
        glyph = prepare(drawn(text, 0))
        assert isinstance(glyph, Glyph)
        likeness[text] = float(np.corrcoef(glyph.pixels.ravel(), image.ravel())[0, 1])
    return max(likeness, key=likeness.__getitem__)


def test_without_tensorflow_datasets_the_other_way_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match="--idx-dir"):
        datasets.from_tfds("byclass", tmp_path)


def write_folder(folder: Path, *labels: str) -> None:
    for label in labels:
        (folder / label).mkdir(parents=True)
        for hand in range(8):
            picture = 255 - cv2.resize(drawn(label[-1], hand), (56, 56))
            assert cv2.imwrite(str(folder / label / f"{hand}.png"), picture)


def labels_of(collection: Collection) -> set[str]:
    return {ALPHABET[label] for part in collection.parts.values() for label in part.labels}


def test_folders_are_labels_and_may_name_the_case(tmp_path: Path) -> None:
    write_folder(tmp_path / "mine", "upper_K", "lower_r", "digit_4", "Q")
    found = datasets.from_folder(tmp_path / "mine")
    assert found.name == "mine"
    assert labels_of(found) == {"K", "r", "4", "Q"}


def test_a_folder_that_names_no_character_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "mine", "A", "umlaut_Ä")
    with pytest.raises(ValueError, match="none of the 62 characters"):
        datasets.from_folder(tmp_path / "mine")


def test_an_empty_folder_says_what_it_wants(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"A/1\.png"):
        datasets.from_folder(tmp_path)


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"broken\.png is not a picture"):
        datasets.from_folder(tmp_path)


def test_what_was_prepared_once_comes_from_the_cache(tmp_path: Path) -> None:
    pictures = np.stack([255 - drawn(text, hand) for hand in range(9) for text in "Ab"])
    np.savez(tmp_path / "hands.npz", images=pictures, labels=np.array(list("Ab" * 9)))
    seen: list[str] = []
    first, second = (
        datasets.from_collections(tmp_path, tmp_path / "cache", lambda what, _: seen.append(what))[0] for _ in range(2)
    )
    assert len(seen) == len(pictures)
    assert first.sha256 == second.sha256
    for part in Part:
        np.testing.assert_array_equal(first.parts[part].images, second.parts[part].images)
