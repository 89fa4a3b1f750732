"""How fast the character engine is: loading, one character, a batch; with what share of it is preparation.

    python -m benchmarks.speed.emnist_cnn_speed --model cluster/bundled/emnist_cnn

Times are medians of many calls in one process with two threads, after warm-up. Characters are drawn here, 48x48 RGB,
and go through the engine's whole `read`: preparation, network, ranking. Loading is timed in a process of its own,
imports included.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmarks.harness.results import RESULTS
from benchmarks.harness.timing import timed
from evaluation.environment import as_table, setting
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


def median_s(call: Callable[[], object], times: int) -> float:
    """Median seconds of a call, after one that does not count."""
    return statistics.median(timed(call, times))


def measured(model: Path) -> dict[str, float]:
    """Every figure by name; seconds, or characters a second."""
    from engines.common.glyph import Glyph, prepare
    from engines.emnist_cnn import SPEC, EmnistCnn

    loading = subprocess.run([sys.executable, "-c", LOADING, str(model)], capture_output=True, text=True, check=True)
    reader = SPEC.load(LoadOptions(model=model, threads=2))
    assert isinstance(reader, EmnistCnn)
    one, many = characters(1), characters(512)
    glyphs = [glyph for crop in many if isinstance(glyph := prepare(crop.pixels), Glyph)]
    ink = np.stack([glyph.pixels for glyph in glyphs])[..., None]
    return {
        "import and load, s": float(loading.stdout.split()[-1]),
        "one character, ms": 1000.0 * median_s(lambda: reader.read(one), 200),
        "512 characters, whole read, characters/s": 512 / median_s(lambda: reader.read(many), 12),
        "512 characters, network alone, characters/s": len(ink) / median_s(lambda: reader.network(ink), 12),
        "512 characters, preparation alone, characters/s": 512
        / median_s(lambda: [prepare(crop.pixels) for crop in many], 6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("cluster/bundled/emnist_cnn"))
    model = parser.parse_args().model
    before = setting()
    found = measured(model)
    rows = "\n".join(f"| {name} | {value:.2f} |" for name, value in found.items())
    card = json.loads((model / "metadata.json").read_text(encoding="utf-8"))
    text = (
        f"# Speed of {card['name']}@{card['version']}\n\n{as_table(before)}\n\n| figure | median |\n|---|---|\n{rows}\n"
    )
    (RESULTS / "emnist_cnn_speed.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
