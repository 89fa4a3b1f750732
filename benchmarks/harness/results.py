"""Where the figures of this repository are kept, and how they are written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


def publish(text: str, out: Path) -> None:
    """Write a report and print it."""
    out.write_text(text, encoding="utf-8")
    print(text)


def read_parts(path: Path) -> dict[str, Any]:
    """The parts of a JSON file; none where it does not exist."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write_parts(path: Path, parts: Mapping[str, Any]) -> None:
    """Replace these parts of a JSON file; the others stay as earlier runs left them."""
    path.write_text(json.dumps({**read_parts(path), **parts}, indent=1) + "\n", encoding="utf-8")
