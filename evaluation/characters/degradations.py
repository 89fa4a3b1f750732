"""Test characters as unusual pictures: inverted, faint, shaded, grainy, tiny, large, compressed, coloured.

Each disturbance takes the raw test picture of a collection, before preparation, so that what is measured is preparation
and network together. A picture that becomes unreadable stays in the set as an empty glyph: it counts as an error.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.common.glyph import Glyph, prepare
from engines.common.temperature_scaling import ALPHABET
from evaluation.characters.collections import Characters, Part, part_of, place_in_split

Picture = NDArray[np.uint8]
Degradation = Callable[[Picture, np.random.Generator], Picture]


def _inverted(picture: Picture, _: np.random.Generator) -> Picture:
    return np.asarray(255 - picture, dtype=np.uint8)


def _faint(picture: Picture, _: np.random.Generator) -> Picture:
    return np.asarray(150 + 0.3 * (picture.astype(np.float32) - 150), dtype=np.uint8)


def _shaded(picture: Picture, rng: np.random.Generator) -> Picture:
    corner = np.linspace(1.0, rng.uniform(0.35, 0.6), picture.shape[1])[None, :]
    return np.asarray(picture * corner * np.linspace(1.0, 0.8, picture.shape[0])[:, None], dtype=np.uint8)


def _grainy(picture: Picture, rng: np.random.Generator) -> Picture:
    return np.asarray(np.clip(picture + rng.normal(0.0, 12.0, picture.shape), 0, 255), dtype=np.uint8)


def _tiny(picture: Picture, _: np.random.Generator) -> Picture:
    return np.asarray(cv2.resize(picture, (20, 20), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _few_pixels(picture: Picture, _: np.random.Generator) -> Picture:
    """The picture so small that its character is 8 px on its longer side."""
    glyph = prepare(picture)
    longest = max(glyph.box.width, glyph.box.height) if isinstance(glyph, Glyph) else max(picture.shape)
    size = [max(1, round(extent * min(1.0, 8.0 / longest))) for extent in reversed(picture.shape)]
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _large(picture: Picture, _: np.random.Generator) -> Picture:
    return np.asarray(cv2.resize(picture, (400, 400), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _on_a_sheet(picture: Picture, rng: np.random.Generator) -> Picture:
    paper = int(np.median(np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])))
    side = max(picture.shape) * 4
    sheet = np.full((side, side), paper, np.uint8)
    top, left = (int(rng.integers(side - extent)) for extent in picture.shape)
    sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet


def _compressed(picture: Picture, _: np.random.Generator) -> Picture:
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 25])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def _turned(picture: Picture, rng: np.random.Generator) -> Picture:
    height, width = picture.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.uniform(-12, 12)), 0.85)
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)


DEGRADATIONS: dict[str, Degradation] = {
    "inverted": _inverted,
    "faint": _faint,
    "shaded": _shaded,
    "grainy": _grainy,
    "20 px": _tiny,
    "its ink 8 px": _few_pixels,
    "400 px": _large,
    "on a sheet": _on_a_sheet,
    "JPEG 25": _compressed,
    "turned 12°": _turned,
}


def degraded_sets(path: Path, most: int = 1000) -> dict[str, Characters]:
    """For each disturbance the test part of the collection at `path`, `most` characters at most, prepared."""
    with np.load(path, allow_pickle=False) as arrays:
        pictures, names = arrays["images"], arrays["labels"]
    places = [place_in_split(picture) for picture in pictures]
    tests = [at for at, place in enumerate(places) if part_of(place) is Part.TEST]
    chosen = sorted(tests, key=places.__getitem__)[:most]  # files are often sorted by class
    labels = np.array([ALPHABET.index(names[at]) for at in chosen], dtype=np.int64)
    return {
        f"{path.stem}, {how}": Characters(
            np.stack([_prepared(change(pictures[at], np.random.default_rng(at))) for at in chosen]), labels
        )
        for how, change in DEGRADATIONS.items()
    }


def _prepared(picture: Picture) -> Picture:
    glyph = prepare(picture)
    pixels = glyph.pixels if isinstance(glyph, Glyph) else np.zeros((28, 28), np.float32)
    return np.round(pixels * 255.0).astype(np.uint8)
