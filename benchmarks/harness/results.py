"""Where the figures of this repository are kept."""

from pathlib import Path

RESULTS = Path(__file__).parents[1] / "results"
