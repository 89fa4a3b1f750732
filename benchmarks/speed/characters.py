"""How fast the character engine is: loading, one character, a batch; with what share of it is preparation.

    python -m benchmarks.speed.characters --model cluster/bundled/emnist_cnn

Times are medians of many calls in one process with two threads, after warm-up. Characters are drawn here, 48x48 RGB,
and go through the engine's whole `read`: preparation, network, ranking. Loading is timed in a process of its own,
imports included.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish
from benchmarks.harness.timing import median_ms
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from ocr import Crop, LoadOptions, Scope

LOADING = """
import time; begun = time.perf_counter()
from pathlib import Path; import sys
from ocr import LoadOptions
from engines.emnist_cnn import SPEC
SPEC.load(LoadOptions(model=Path(sys.argv[1]), threads=2))
print(time.perf_counter() - begun)
"""


def characters(count: int) -> list[Crop]:
    """Drawn characters of varied size and place, RGB 48x48."""
    rng = np.random.default_rng(1)
    crops = []
    for at in range(count):
        picture = np.full((48, 48, 3), 240, np.uint8)
        text = "0123456789ABCDEFGHKLMNPRSTUVWXYZabdefghkmnpqrty"[at % 47]
        place = (int(rng.integers(6, 14)), int(rng.integers(34, 42)))
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, float(rng.uniform(0.9, 1.3)), (30, 30, 30), 3)
        crops.append(Crop.whole(picture, Scope.CHARACTER))
    return crops


def measured(model: Path) -> dict[str, float]:
    """Every figure by name; seconds, or characters a second."""
    from engines.common.glyph import Glyph, prepare
    from engines.emnist_cnn import SPEC, EmnistCnn

    loading = subprocess.run([sys.executable, "-c", LOADING, str(model)], capture_output=True, text=True, check=True)
    reader = SPEC.load(LoadOptions(model=model, threads=2))
    assert isinstance(reader, EmnistCnn)
    one, many = characters(1), characters(512)
    ink = np.stack([glyph.pixels for crop in many if isinstance(glyph := prepare(crop.pixels), Glyph)])[..., None]
    return {
        "import and load, s": float(loading.stdout.split()[-1]),
        "one character, ms": median_ms(lambda: reader.read(one), 200),
        "512 characters, whole read, characters/s": 512_000 / median_ms(lambda: reader.read(many), 12),
        "512 characters, network alone, characters/s": 1000 * len(ink) / median_ms(lambda: reader.network(ink), 12),
        "512 characters, preparation alone, characters/s": 512_000
        / median_ms(lambda: [prepare(crop.pixels) for crop in many], 6),
    }


def main(model: Path = Path("cluster/bundled/emnist_cnn"), out: Path = RESULTS / "emnist_cnn_speed.md") -> None:
    """Time the character engine with this model."""
    before = environment()
    rows = [(name, f"{value:.2f}") for name, value in measured(model).items()]
    card = json.loads((model / "metadata.json").read_text(encoding="utf-8"))
    title = f"Speed of {card['name']}@{card['version']}"
    publish(document(title, as_table(before), table(("figure", "median"), rows)), out)


if __name__ == "__main__":
    command.run(main)
