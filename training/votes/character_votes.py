"""Single characters for weighing engines that read them: named generators, fixed seeds, and the weights themselves.

    printed        fonts that no training uses, black on white
    photographed   the same fonts as a camera sees them (training.characters.synthetic_characters)
    noisy          the same fonts small, grainy and compressed
    handwriting    test characters of the collections in a folder, written by hand

What engines say of them is kept on the shelf of readings. Weights let the ensemble be right most often on the first
three; on handwriting, which one engine was made for, it may lose no more than LOSS to that one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from evaluation.pages.readings import Reader, Shelf
from fusion import Method, Profile, fuse_character
from ocr import Crop, Hypothesis, Image
from segmentation.detection.projection import ProjectionDetector
from segmentation.segmenter import TextSegmenter
from training.characters.collections import Part, part_of, place_in_split
from training.characters.synthetic_characters import Fonts, Mix, raw_sample, rendered
from training.drawing.fonts import ALPHABET, held_out_faces

LOSS = 0.003
HANDWRITING = "handwriting"
TUNING_SEED, TEST_SEED = 7_101, 7_202
_CONCENTRATIONS = (0.8, 2.0)  # of the weights drawn: first some near one engine, then some that are more even
_DRAWS = 80

Grey = NDArray[np.uint8]
"""(H, W)"""

Maker = Callable[[int, int], list[tuple[Grey, str]]]
"""From a seed and a count to pictures and what they show."""


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """Pictures with what they show, and what each engine says of them."""

    name: str
    truths: tuple[str, ...]
    claims: tuple[Mapping[str, Hypothesis], ...]

    def hits(self, profile: Profile, method: Method) -> list[bool]:
        """Which characters the ensemble reads right."""
        said = (fuse_character(claims, profile, method).text for claims in self.claims)
        return [one == truth for one, truth in zip(said, self.truths, strict=True)]

    def alone(self, engine: str) -> list[bool]:
        """Which characters an engine reads right by itself: none where it says nothing, whatever others say there."""
        own = replace(self, claims=tuple({engine: claims[engine]} for claims in self.claims))
        return own.hits(Profile("alone", {engine: 1.0}), Method.WEIGHTED_VOTING)

    def right(self, profile: Profile, method: Method) -> float:
        """The part that the ensemble reads right."""
        return sum(self.hits(profile, method)) / len(self.truths)


def character_sets(
    shelf: Shelf, readers: Sequence[Reader], collections: Path | None, seed: int, count: int
) -> list[CharacterSet]:
    """The sets with `count` characters each; no handwriting without a folder of collections."""
    return [
        _read(shelf, readers, f"characters/{name}-{seed}-{count}", name, make(seed, count))
        for name, make in _makers(collections).items()
    ]


def fit_character_weights(sets: Sequence[CharacterSet], engines: Sequence[str]) -> dict[str, float]:
    """Weights that together make 1, for the two methods that ask for weights alike. On handwriting the best engine
    decides what the ensemble may lose, by either of them.
    """
    rng = np.random.default_rng(0)
    drawn = [np.eye(len(engines))[index] for index in range(len(engines))]
    for concentration in _CONCENTRATIONS:
        drawn += list(rng.dirichlet(np.full(len(engines), concentration), _DRAWS))
    written = [own for own in sets if own.name == HANDWRITING]
    others = [own for own in sets if own.name != HANDWRITING]
    least = [max(min(_right(own, engines, one)) for one in drawn[: len(engines)]) - LOSS for own in written]
    allowed = [
        weights
        for weights in drawn
        if all(min(_right(own, engines, weights)) >= least[index] for index, own in enumerate(written))
    ]
    best = max(allowed, key=lambda weights: sum(sum(_right(own, engines, weights)) for own in others))
    return {engine: round(float(weight), 4) for engine, weight in zip(engines, best, strict=True)}


def _right(own: CharacterSet, engines: Sequence[str], weights: NDArray[np.float64]) -> tuple[float, float]:
    profile = Profile("drawn", dict(zip(engines, map(float, weights), strict=True)))
    return own.right(profile, Method.CONFIDENCE_WEIGHTED), own.right(profile, Method.WEIGHTED_VOTING)


def _read(
    shelf: Shelf, readers: Sequence[Reader], key: str, name: str, made: Sequence[tuple[Grey, str]]
) -> CharacterSet:
    def crops() -> list[Crop]:
        segmenter = TextSegmenter(ProjectionDetector())
        images = [Image(np.repeat(picture[:, :, None], 3, axis=2)) for picture, _ in made]
        return [crop for image in images for crop in segmenter.character(image).crops()]

    readings = {reader.name: shelf.kept(key, reader, crops).hypotheses for reader in readers}
    claims = tuple({engine: said[index] for engine, said in readings.items()} for index in range(len(made)))
    return CharacterSet(name, tuple(truth for _, truth in made), claims)


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
