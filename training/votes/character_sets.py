"""Single characters for weighing engines that read them: named generators and fixed seeds.

    printed        fonts that no training uses, black on white
    photographed   the same fonts as a camera sees them (training.characters.synthetic)
    noisy          the same fonts small, grainy and compressed
    handwriting    test characters of the collections in a folder, written by hand

What engines say of them is kept with the readings of pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from evaluation.characters.character_sets import CharacterSet, Grey, read_set
from evaluation.characters.collections import Part, part_of, place_in_split
from evaluation.readings.reader import Reader
from evaluation.readings.store import ReadingStore
from training.characters.synthetic import Fonts, Mix, raw_sample
from training.drawing.fonts import ALPHABET, held_out_faces
from training.drawing.glyphs import rendered

HANDWRITING = "handwriting"
TUNING_SEED, TEST_SEED = 7_101, 7_202

Maker = Callable[[int, int], list[tuple[Grey, str]]]
"""From a seed and a count to pictures and what they show."""


def character_sets(
    store: ReadingStore, readers: Sequence[Reader], collections: Path | None, seed: int, count: int
) -> list[CharacterSet]:
    """The sets with `count` characters each; no handwriting without a folder of collections."""
    return [
        read_set(store, readers, f"characters/{name}-{seed}-{count}", name, make(seed, count))
        for name, make in _makers(collections).items()
    ]


# --- the generators ---


def _makers(collections: Path | None) -> dict[str, Maker]:
    makers: dict[str, Maker] = {"printed": _printed, "photographed": _photographed, "noisy": _noisy}
    if collections is None:
        return makers
    return makers | {HANDWRITING: lambda seed, count: _written(collections, seed, count)}


def _clean(rng: np.random.Generator) -> tuple[Grey, str]:
    faces = held_out_faces()
    character = ALPHABET[int(rng.integers(len(ALPHABET)))]
    ink = rendered(faces[int(rng.integers(len(faces)))], character)
    return np.pad(np.round(255.0 * (1.0 - ink)).astype(np.uint8), 8, constant_values=255), character


def _printed(seed: int, count: int) -> list[tuple[Grey, str]]:
    return [_clean(np.random.default_rng((seed, 1, index))) for index in range(count)]


def _photographed(seed: int, count: int) -> list[tuple[Grey, str]]:
    fonts, mix = Fonts.of(held_out_faces()), Mix(printed=1.0, stroke=0.0, junk=0.0)
    made = [raw_sample(fonts, mix, np.random.default_rng((seed, 2, index))) for index in range(count)]
    return [(picture, ALPHABET[label]) for picture, label in made]


def _noisy(seed: int, count: int) -> list[tuple[Grey, str]]:
    made = []
    for index in range(count):
        rng = np.random.default_rng((seed, 3, index))
        picture, character = _clean(rng)
        scale = 24 / max(picture.shape)
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        grainy = np.clip(60 + 0.7 * small + rng.normal(0.0, 14.0, small.shape), 0, 255).astype(np.uint8)
        encoded = cv2.imencode(".jpg", grainy, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
        made.append((np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), dtype=np.uint8), character))
    return made


def _written(folder: Path, seed: int, count: int) -> list[tuple[Grey, str]]:
    """As many from each collection; those of the seed for tuning from the part that validates, else that tests."""
    part = Part.VALIDATION if seed == TUNING_SEED else Part.TEST
    paths = sorted(folder.glob("*.npz"))
    made: list[tuple[Grey, str]] = []
    for path in paths:
        with np.load(path, allow_pickle=False) as arrays:
            pictures, labels = arrays["images"], arrays["labels"]
        order = np.random.default_rng((seed, 4)).permutation(len(pictures))
        own = (index for index in order if part_of(place_in_split(pictures[index])) is part)
        chosen = [index for index, _ in zip(own, range(-(-count // len(paths))), strict=False)]
        made += [(np.asarray(pictures[index], dtype=np.uint8), str(labels[index])) for index in chosen]
    return made
