"""Pages that are drawn, and engines that are scripted to take one letter for another on them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ocr import Crop, Hypothesis

WORDS = ("cat", "dog", "house", "total", "paper", "green", "stone", "river")
LINES, PAGES = 20, 6


def truth(page: int, line: int) -> str:
    rng = random.Random(f"{page} {line}")
    return " ".join(rng.choice(WORDS) for _ in range(4))


class Erring:
    """Reads the page whose number is the brightness of its corner, and takes one letter for another."""

    def __init__(self, name: str) -> None:
        self.model = f"{name}@1"
        self._from, self._to = ("o", "0") if name == "tesseract" else ("t", "l")

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        page = (255 - int(crops[0].pixels.max())) // 5
        texts = [truth(page, line).replace(self._from, self._to) for line in range(len(crops))]
        return [Hypothesis.of_text(text, 0.9) for text in texts]


def scripted_folder(folder: Path) -> Path:
    """A folder of drawn pages, whose lines say what `truth` says."""
    folder.mkdir()
    rows = []
    for page in range(PAGES):
        pixels = np.full((LINES * 20, 200, 3), 255 - 5 * page, np.uint8)
        outlines = [[[5, 20 * k + 2], [195, 20 * k + 2], [195, 20 * k + 18], [5, 20 * k + 18]] for k in range(LINES)]
        cv2.imwrite(str(folder / f"{page}.png"), pixels)
        lines = [{"polygon": outline, "text": truth(page, k)} for k, outline in enumerate(outlines)]
        rows.append(json.dumps({"image": f"{page}.png", "lines": lines}))
    (folder / "truth.jsonl").write_text("\n".join(rows))
    return folder
