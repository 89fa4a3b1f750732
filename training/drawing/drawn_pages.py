"""What all drawn pages have in common: they are scanned, so to speak, and written as a folder with its truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
"""(H, W)"""

Drawn = tuple[Grey, Sequence[object]]
"""A page, and its lines as JSON."""


def scanned(
    page: Grey, rng: np.random.Generator, *, blur: float, white: float, grain: tuple[float, float], quality: int
) -> Grey:
    """The page as a scanner gives it: blurred by so many pixels, with paper of so much of full white, grain of a mean
    and a deviation in grey levels, and a JPEG quality of 1 to 100.
    """
    grainy = cv2.GaussianBlur(page, (0, 0), blur) * white + rng.normal(*grain, page.shape)
    levels = np.clip(grainy, 0, 255).astype(np.uint8)
    encoded = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def write_pages(folder: Path, kind: str, count: int, seed: int, draw: Callable[[int], Drawn]) -> None:
    """So many pages in the format of evaluation.pages.ground_truth, drawn from seeds of their own; nothing is drawn
    where it is there already.
    """
    name = f"{count} of seed {seed}"
    done = folder / "drawn.txt"
    if done.exists() and done.read_text(encoding="utf-8") == name:
        return
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for index in range(count):
        picture, lines = draw(1000 * seed + index)
        image = f"images/{kind}-{seed}-{index:02d}.png"
        cv2.imwrite(str(folder / image), picture)
        rows.append(json.dumps({"image": image, "lines": lines}))
    (folder / "truth.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    done.write_text(name, encoding="utf-8")
