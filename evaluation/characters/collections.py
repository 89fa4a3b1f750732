"""Open collections of labelled characters (npz files), cleaned and split into train, validation and test.

A file holds `images` uint8 (N, H, W) or a list of sizes, and `labels`, one character each. The files name no writer, so
the split is by the hash of the picture, after near-duplicates are removed: two pictures of the same class whose
prepared glyphs correlate above `DUPLICATE_CORRELATION` count as one. That keeps copies out of the test set; it cannot
keep a writer out of it, and the figures are to be read with that in mind.

Every glyph goes through the one preparation (engines/common/glyph.py). Knows no network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.common.glyph import Glyph, prepare
from engines.common.temperature_scaling import ALPHABET

DUPLICATE_CORRELATION = 0.985
TEST_SHARE = 0.12
VALIDATION_SHARE = 0.08
# A straight stroke has no features by which two of them could be told apart: all bars would count as copies of one.
BAR_WIDTH_PX = 8

Pictures = NDArray[np.uint8]
Labels = NDArray[np.int64]


class Part(StrEnum):
    """The use of a sample."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True, eq=False)
class Characters:
    """Prepared characters: `images` uint8 (N, 28, 28), ink = 255; `labels` (N,) in ByClass order (62 is junk)."""

    images: Pictures
    labels: Labels

    def __post_init__(self) -> None:
        if self.images.shape != (len(self.labels), 28, 28) or self.images.dtype != np.uint8:
            raise ValueError(f"{len(self.labels)} labels, but images are {self.images.dtype} of {self.images.shape}")

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> Characters:
        return Characters(self.images[chosen], self.labels[chosen])


@dataclass(frozen=True, slots=True)
class Collection:
    """A cleaned and split collection. `unreadable` and `duplicates` say how many pictures were left out and why."""

    name: str
    sha256: str
    parts: dict[Part, Characters]
    unreadable: int
    duplicates: int


def read_collection(path: Path, progress: Callable[[int], None] = lambda _: None) -> Collection:
    """The collection in an npz file, prepared, cleaned and split. Raises ValueError for labels that are no class."""
    with np.load(path, allow_pickle=False) as arrays:
        pictures, names = arrays["images"], arrays["labels"]
    unknown = sorted(set(names.tolist()) - set(ALPHABET))
    if unknown:
        raise ValueError(f"{path}: labels {unknown[:5]} are none of the 62 characters 0-9, A-Z, a-z; remove them")
    labels = np.array([ALPHABET.index(name) for name in names], dtype=np.int64)
    return split(path.stem, sha256_of(path), pictures, labels, progress)


def split(
    name: str,
    sha256: str,
    pictures: Iterable[Pictures],
    labels: Labels,
    progress: Callable[[int], None] = lambda _: None,
    *,
    drop_copies: bool = True,
) -> Collection:
    """Prepare every picture, drop the unreadable and (if so) the near-duplicates, and split the rest by hash."""
    glyphs: list[Pictures] = []
    places: list[float] = []
    kept: list[int] = []
    for at, picture in enumerate(pictures):
        progress(at + 1)
        glyph = prepare(picture)
        if isinstance(glyph, Glyph):
            glyphs.append(np.round(glyph.pixels * 255.0).astype(np.uint8))
            places.append(place_in_split(picture))
            kept.append(at)
    everything = Characters(np.stack(glyphs), labels[kept])
    unique = ~near_duplicates(everything) if drop_copies else np.ones(len(everything), np.bool_)
    parts = {
        part: everything.at(unique & np.array([part_of(place) is part for place in places], dtype=np.bool_))
        for part in Part
    }
    return Collection(name, sha256, parts, len(labels) - len(kept), int((~unique).sum()))


def place_in_split(picture: Pictures) -> float:
    """A number in [0, 1) that depends on the picture's pixels alone."""
    digest = hashlib.sha256(np.ascontiguousarray(picture).tobytes()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def part_of(place: float) -> Part:
    if place < TEST_SHARE:
        return Part.TEST
    return Part.VALIDATION if place < TEST_SHARE + VALIDATION_SHARE else Part.TRAIN


def near_duplicates(characters: Characters) -> NDArray[np.bool_]:
    """Which characters repeat an earlier one of their class: (N,)."""
    repeated = np.zeros(len(characters), np.bool_)
    for label in np.unique(characters.labels):
        members = np.nonzero(characters.labels == label)[0]
        repeated[members] = _repeats(characters.images[members])
    return repeated


def _repeats(images: Pictures) -> NDArray[np.bool_]:
    # (M, 784): blurred, so that half a pixel's shift does not hide a copy, and normalised: products are correlations.
    vectors = np.stack([cv2.GaussianBlur(image, (3, 3), 0).reshape(-1) for image in images]).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    is_bar = (images.max(axis=1) > 100).sum(axis=1) <= BAR_WIDTH_PX  # (M,) few columns hold ink
    repeated = np.zeros(len(images), np.bool_)
    for start in range(0, len(images), 1024):
        rows = slice(start, start + 1024)
        alike = vectors[rows] @ vectors.T > DUPLICATE_CORRELATION  # (up to 1024, M)
        repeated[rows] = np.tril(alike, k=start - 1).any(axis=1) & ~is_bar[rows]
    return repeated


def sha256_of(path: Path) -> str:
    """The sha256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
