"""Lines of letters in handwriting fonts, all from (seed, index) alone, as synthetic_lines.py keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.drawing.fonts import Face, faces_in_folder
from training.drawing.handwriting import Neighbours, characters_of, written_line
from training.drawing.typesetting import TypesetLine
from training.drawing.web_fonts import HELD_OUT, LEARNT
from training.lines.real_lines import RealLine
from training.lines.synthetic import NEIGHBOURED, as_long, unseen_lines
from training.lines.texts import Texts, installed_texts, letter_text

SEEN_THROUGH = 0.12
"""The share of sheets that show what is on their back."""
_TRIES = 200


@dataclass(frozen=True, slots=True)
class HandwritingGenerator:
    """What letters are written with: texts, and the hands they are written in."""

    texts: Texts
    faces: tuple[Face, ...]

    @classmethod
    def installed(
        cls, fonts: Path, true_lines: Sequence[str], families: Sequence[str] = LEARNT
    ) -> HandwritingGenerator:
        """The texts of the system's packages and lines of pages that training may see, in families of a folder."""
        return cls(installed_texts(true_lines), tuple(faces_in_folder(fonts, families)))

    def typeset(self, seed: int, index: int) -> TypesetLine:
        """Line `index` of the set `seed`, before it is photographed."""
        rng = np.random.default_rng((seed, index))
        face = self.faces[int(rng.integers(len(self.faces)))]
        text = self._text(face, rng)
        above, below, behind = (
            as_long(self._text(face, rng), text) if rng.random() < share else ""
            for share in (NEIGHBOURED, NEIGHBOURED, SEEN_THROUGH)
        )
        return written_line(text, Neighbours(above, below, behind), face, rng)

    def _text(self, face: Face, rng: np.random.Generator) -> str:
        """A text that the face has all characters of."""
        known = characters_of(face)
        for _ in range(_TRIES):
            if known.issuperset(text := letter_text(self.texts, rng)):
                return text
        raise ValueError(f"{face.path} lacks characters that most lines have; take it from the families")


def unseen_hands(fonts: Path, count: int, height_px: int, seed: int = 1) -> list[RealLine]:
    """`count` photographed lines in the families that training never sees, always the same ones."""
    generator = HandwritingGenerator.installed(fonts, (), HELD_OUT)
    return unseen_lines(generator, seed, count, height_px, handwritten=True)
