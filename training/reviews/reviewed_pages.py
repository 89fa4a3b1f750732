"""What reviews say, from the disk: folders with pictures and a truth.jsonl as `GET /jobs/{job}/review/truth?lines=all`
gives it, and what engines read on its lines.

Each line has `words`: where in its text (`start`, `end`) people looked, and with which `chance` they were asked; one
without a chance was decided out of turn and stands for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.pages.ground_truth import GroundTruthPage, read_pages
from evaluation.readings.labelled_lines import LabelledLine, labelled_lines
from evaluation.readings.line_layouts import GROUND_TRUTH
from evaluation.readings.reader import Reader
from evaluation.readings.store import ReadingStore, read_missing
from training.reviews.review_tuning import ReviewedDocument
from training.reviews.reviewed_lines import ReviewedLine, ReviewedWord

MOST_WEIGHT = 20.0
"""No word stands for more: the few that were drawn at random would decide alone."""


def reviewed_documents(
    folders: Sequence[Path], store: ReadingStore, readers: Sequence[Reader]
) -> list[ReviewedDocument]:
    """The documents of all folders, each a file of a review, read now where they never were. Raises ValueError, naming
    the row, where a truth.jsonl is not in this format.
    """
    found: dict[str, list[tuple[ReviewedLine, ...]]] = {}
    for folder in folders:
        pages = read_pages(folder)
        read_missing(store, pages, [GROUND_TRUTH], readers)
        rows = {folder / row["image"]: row for row in _rows(folder / "truth.jsonl")}
        for page in pages:
            lines = labelled_lines(store, [(folder.name, page)], readers)
            reviewed = tuple(_reviewed(page, rows[page.image], list(lines)))
            found.setdefault(f"{folder.name}/{rows[page.image]['file']}", []).append(reviewed)
    return [ReviewedDocument(name, tuple(pages)) for name, pages in found.items()]


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        row = json.loads(text)
        if "file" not in row or any("words" not in line for line in row["lines"]):
            raise ValueError(f"{path}, row {number}: this is no truth of a review; fetch it with lines=all")
        yield row


def _reviewed(page: GroundTruthPage, row: Mapping[str, Any], lines: Sequence[LabelledLine]) -> Iterator[ReviewedLine]:
    told = [line for line in row["lines"] if line["text"].strip() and len(line["polygon"]) >= 3]
    assert len(told) == len(page.lines) == len(lines)
    for line, own in zip(lines, told, strict=True):
        words = [word for word in own["words"] if word["chance"]]
        if len(line.truth) != len(own["text"]):  # it changes its length as it is compared: places in it do not hold
            yield ReviewedLine(line, ())
            continue
        yield ReviewedLine(
            line,
            tuple(ReviewedWord(word["start"], word["end"], min(MOST_WEIGHT, 1.0 / word["chance"])) for word in words),
        )
