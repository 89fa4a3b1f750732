"""Lines on which a cascade has something to gain."""

from __future__ import annotations

from pathlib import Path

from evaluation.pages.ground_truth import GroundTruthPage
from evaluation.readings.labelled_lines import LabelledLine
from fusion import Profile
from ocr import Box, Hypothesis, Region

PROFILE = Profile("p", {"strong": 1.0, "help": 0.9, "dear": 0.5})
REGION = Region(Box(0, 0, 100, 10).polygon(), 100, 10)


def line(index: int, **read: tuple[str, float]) -> LabelledLine:
    hypotheses = {name: Hypothesis.of_text(text, sure) for name, (text, sure) in read.items()}
    seconds = {"strong": 2.0, "help": 1.0, "dear": 5.0}
    return LabelledLine("made", GroundTruthPage(Path("none.png"), ()), index, REGION, "word", hypotheses, seconds)


def lines() -> list[LabelledLine]:
    """On nine of ten lines "strong" is right and sure, the others mostly right; on the tenth it is neither."""
    easy = [
        line(
            k, strong=("word", 0.99), help=("w0rd" if k < 15 else "word", 0.5), dear=("w0rd" if k > 70 else "word", 0.5)
        )
        for k in range(90)
    ]
    hard = [line(k, strong=("ward", 0.3), help=("word", 0.9), dear=("word", 0.9)) for k in range(90, 100)]
    return [*easy, *hard]
