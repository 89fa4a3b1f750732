"""Cleaning and splitting: copies and the unreadable go, and the same picture always falls into the same part."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation.characters.collections import (
    TEST_SHARE,
    Characters,
    Part,
    near_duplicates,
    part_of,
    place_in_split,
    read_collection,
    split,
)
from training.drawing.fonts import ALPHABET


def written(text: str, seed: int, side: int = 40) -> np.ndarray:
    """A character with a hand of its own: turned and stretched by the seed."""
    rng = np.random.default_rng(seed)
    picture = np.full((side, side), 255, np.uint8)
    cv2.putText(picture, text, (8, 32), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 0, 3, cv2.LINE_AA)
    matrix = np.eye(2, 3) + np.hstack([rng.normal(0, 0.12, (2, 2)), rng.normal(0, 1, (2, 1))])
    return cv2.warpAffine(picture, matrix, (side, side), borderValue=255)


def test_a_copy_of_the_same_class_is_dropped_and_a_different_hand_is_kept() -> None:
    hands = [written("B", seed) for seed in range(6)]
    noisy = np.clip(hands[2].astype(int) + np.random.default_rng(0).integers(-6, 7, hands[2].shape), 0, 255)
    pictures = [*hands, hands[0], noisy.astype(np.uint8)]
    collection = split("hands", "0" * 64, pictures, np.full(len(pictures), ALPHABET.index("B")))
    assert collection.duplicates == 2
    assert sum(len(part) for part in collection.parts.values()) == len(hands)


def test_copies_stay_where_a_test_set_must_stay_whole() -> None:
    pictures = [written("B", 1)] * 3
    kept = split("hands", "0" * 64, pictures, np.full(3, ALPHABET.index("B")), drop_copies=False)
    assert sum(len(part) for part in kept.parts.values()) == 3


def test_the_same_shape_in_another_class_is_no_copy() -> None:
    image = np.zeros((28, 28), np.uint8)
    cv2.circle(image, (14, 14), 9, 255, 2)
    both = Characters(np.stack([image, image]), np.array([0, ALPHABET.index("O")]))
    assert not near_duplicates(both).any()


def test_straight_bars_are_not_copies_of_each_other() -> None:
    bar = np.zeros((28, 28), np.uint8)
    bar[2:26, 12:16] = 255
    both = Characters(np.stack([bar, bar]), np.array([1, 1]))
    assert not near_duplicates(both).any()


def test_unreadable_pictures_are_counted_and_left_out() -> None:
    pictures = [written("A", 1), np.full((40, 40), 255, np.uint8)]
    collection = split("hands", "0" * 64, pictures, np.array([10, 10]))
    assert collection.unreadable == 1


def test_the_part_depends_on_the_pixels_alone() -> None:
    picture = written("Q", 3)
    assert place_in_split(picture) == place_in_split(np.asfortranarray(picture))
    assert place_in_split(picture) != place_in_split(written("Q", 4))


def test_parts_have_about_their_shares() -> None:
    rng = np.random.default_rng(7)
    parts = [part_of(place_in_split(rng.integers(0, 256, (4, 4), dtype=np.uint8))) for _ in range(3000)]
    assert parts.count(Part.TEST) / 3000 == pytest.approx(TEST_SHARE, abs=0.02)


def test_a_collection_is_read_from_its_file_with_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "letters.npz"
    images = np.stack([written(text, seed) for seed, text in enumerate("abcd7")])
    np.savez(path, images=images, labels=np.array(list("abcd7")))
    collection = read_collection(path)
    assert collection.name == "letters"
    assert len(collection.sha256) == 64
    found = sorted(ALPHABET[label] for part in collection.parts.values() for label in part.labels)
    assert found == sorted("abcd7")


def test_a_label_that_is_no_class_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "odd.npz", images=np.zeros((1, 9, 9), np.uint8), labels=np.array(["ß"]))
    with pytest.raises(ValueError, match="'ß'"):
        read_collection(tmp_path / "odd.npz")
