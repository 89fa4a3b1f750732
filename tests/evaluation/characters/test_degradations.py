"""Disturbed test characters: the same test part, still readable, changed as named."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation.characters.collections import Part, part_of, place_in_split
from evaluation.characters.degradations import DEGRADATIONS, degraded_sets


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A hundred letters R with hands of their own, grey on grey paper."""
    rng = np.random.default_rng(1)
    pictures = []
    for _ in range(100):
        picture = np.full((48, 48), 200, np.uint8)
        place = tuple(int(v) for v in rng.integers((8, 34), (18, 42)))
        cv2.putText(picture, "R", place, cv2.FONT_HERSHEY_SIMPLEX, float(rng.uniform(0.9, 1.2)), 60, 3, cv2.LINE_AA)
        pictures.append(picture)
    np.savez(tmp_path / "rs.npz", images=np.stack(pictures), labels=np.full(100, "R"))
    return tmp_path / "rs.npz"


def test_every_disturbance_has_the_whole_test_part_and_nothing_else(collection: Path) -> None:
    pictures = np.load(collection)["images"]
    expected = sum(part_of(place_in_split(picture)) is Part.TEST for picture in pictures)
    sets = degraded_sets(collection)
    assert {len(characters) for characters in sets.values()} == {expected}
    assert len(sets) == len(DEGRADATIONS)
    assert expected > 3


def test_the_preparation_survives_every_disturbance(collection: Path) -> None:
    for name, characters in degraded_sets(collection).items():
        ink = characters.images.reshape(len(characters), -1).astype(float)
        mean = ink.mean(axis=0)
        assert ink.any(axis=1).all(), name
        assert np.corrcoef(ink, mean)[-1, :-1].min() > 0.6, name
