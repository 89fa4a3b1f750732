"""What the bundled line models read: drawn lines within a bound here, true ones in reports that are theirs."""

from __future__ import annotations

import json
from importlib import import_module

import cv2
import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from benchmarks.harness.results import RESULTS
from cluster.weights.models import BUNDLED_DIR
from ocr import Crop, LoadOptions
from tests.engines.drawing import draw

TEXTS = (
    "which was read on Tuesday, 14 March 1905",
    "and on the following day he wrote to them",
    "Invoice 20871: three items at RM 41.50",
    "the gates were shut; nobody had seen him",
    "DEPARTMENT OF PUBLIC WORKS",
    "Yours very truly, J. C. Branner",
)


def _crops() -> list[Crop]:
    """The texts at three sizes: clean, blurred, and grainy on much paper."""
    crops = []
    for at, text in enumerate(TEXTS * 3):
        size = (40, 28, 18)[at // len(TEXTS)]
        picture = draw(text, size=size, margin=(6, 8, 14)[at // len(TEXTS)])
        if size == 28:
            picture = cv2.GaussianBlur(picture, (0, 0), 1.2)
        grain = np.random.default_rng(at).normal(0.0, 12.0 if size == 18 else 2.0, picture.shape[:2])
        crops.append(Crop.whole(np.clip(picture + grain[..., None], 0, 255).astype(np.uint8)))
    return crops


@pytest.mark.engines
@pytest.mark.parametrize(("engine", "bound"), [("easyocr", 0.01), ("trocr", 0.03)])
def test_drawn_lines_are_read_within_the_bound_of_what_is_shipped(engine: str, bound: float) -> None:
    reader = import_module(f"engines.{engine}").load(LoadOptions(BUNDLED_DIR / engine))
    readings = [hypothesis.text for hypothesis in reader.read(_crops())]
    edits = sum(Levenshtein.distance(read, text) for read, text in zip(readings, TEXTS * 3, strict=True))
    assert edits / sum(map(len, TEXTS * 3)) <= bound, readings


@pytest.mark.parametrize(
    ("engine", "bounds"),
    [
        ("easyocr", {"fondue": 0.003, "ehri": 0.008, "sroie": 0.04, "stanford typed": 0.11, "stanford cursive": 0.51}),
        ("trocr", {"fondue": 0.013, "ehri": 0.018, "sroie": 0.054, "stanford typed": 0.11, "stanford cursive": 0.65}),
    ],
)
def test_the_report_is_of_the_bundled_model_and_within_its_bounds(engine: str, bounds: dict[str, float]) -> None:
    report = json.loads((RESULTS / f"{engine}.json").read_text(encoding="utf-8"))
    card = json.loads((BUNDLED_DIR / engine / "metadata.json").read_text(encoding="utf-8"))
    assert report["model"].split("+")[0] == f"{card['name']}@{card['version']}"
    rates = {name: figures["error_rate"] for name, figures in report["sets"].items()}
    assert rates.keys() == bounds.keys()
    assert all(rates[name] <= bound for name, bound in bounds.items()), rates
