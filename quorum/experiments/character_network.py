"""`quorum evaluate cnn`: the character network on test characters that its training never saw.

Collections are cleaned and split as training does it (by hash), so the test part is the same one. Other test sets are
drawn in fonts that training holds out, or come from a source that no collection has.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.common.glyph import Glyph, prepare
from engines.common.temperature_scaling import ALPHABET
from evaluation.characters.collections import Characters, Collection, Part
from evaluation.characters.degradations import degraded_sets
from training.characters import datasets
from training.drawing.fonts import Face, held_out_faces
from training.drawing.glyphs import rendered


@dataclass(frozen=True, slots=True)
class CharacterSources:
    """Which model is measured on which characters, as it was typed."""

    model: Path
    collections_dir: Path | None
    idx_dir: Path | None
    tfds: bool
    variant: str
    held_out_fonts: bool
    other_digits: bool
    disturbed: bool
    cache_dir: Path

    @property
    def command(self) -> str:
        """The command that measures the same again."""
        words = ["quorum", "evaluate", "cnn", "--model", str(self.model)]
        words += ["--collections-dir", str(self.collections_dir)] if self.collections_dir else []
        words += ["--idx-dir", str(self.idx_dir)] if self.idx_dir else []
        words += ["--tfds"] * self.tfds + ["--variant", self.variant] * bool(self.idx_dir or self.tfds)
        words += ["--held-out-fonts"] * self.held_out_fonts + ["--other-digits"] * self.other_digits
        words += ["--disturbed"] * self.disturbed
        return shlex.join(words)


def labelled_sets(origins: CharacterSources) -> dict[str, Characters]:
    """The test parts of everything that is named, by name; none where nothing is."""
    collections = _collections(origins)
    tests = {own.name: own.parts[Part.TEST] for own in collections if len(own.parts[Part.TEST])}
    if origins.held_out_fonts:
        tests["print_clean"] = clean_print(held_out_faces())
        tests["print_photographed"] = datasets.held_out_print(origins.cache_dir)
    if origins.other_digits:
        tests["uci_digits"] = digits_of_8_px()
    if origins.disturbed and origins.collections_dir:
        for path in sorted(origins.collections_dir.glob("*.npz")):
            tests |= degraded_sets(path)
    return tests


def _collections(origins: CharacterSources) -> list[Collection]:
    found = []
    if origins.collections_dir:
        found += datasets.from_collections(origins.collections_dir, origins.cache_dir)
    if origins.idx_dir:
        found.append(datasets.from_idx(origins.idx_dir, origins.variant, origins.cache_dir))
    if origins.tfds:
        found.append(datasets.from_tfds(origins.variant, origins.cache_dir))
    return found


def digits_of_8_px() -> Characters:
    """The 1,797 digits that scikit-learn carries: by 13 people, from the UCI repository, 8x8 pixels each."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images, labels = [], []
    for pixels, label in zip(found.images, found.target, strict=True):  # float64 (8, 8) in [0, 16], ink = 16
        glyph = prepare((pixels * (255.0 / 16.0)).astype(np.uint8))
        if isinstance(glyph, Glyph):
            images.append(np.round(glyph.pixels * 255.0).astype(np.uint8))
            labels.append(int(label))
    return Characters(np.stack(images), np.array(labels, dtype=np.int64))


def clean_print(faces: Sequence[Face]) -> Characters:
    """Every character of every face, black on white, as a screen shows it."""
    images, labels = [], []
    for face in faces:
        for label, character in enumerate(ALPHABET):
            glyph = prepare(np.round(255.0 * (1.0 - rendered(face, character))).astype(np.uint8))
            if isinstance(glyph, Glyph):
                images.append(np.round(glyph.pixels * 255.0).astype(np.uint8))
                labels.append(label)
    return Characters(np.stack(images), np.array(labels, dtype=np.int64))
