"""Pages as they are found and read: in process from the shelf of readings, or by a running service.

A `FoundPage` is what one reading of a page came to: where its lines lie on the page as it is stored, and what every
reader says of each. A page that was turned for the measurement is turned back here, so that its lines lie where the
truth has them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.accuracy.error_rates import FUSED, Sample, group_sample
from evaluation.metrics.line_matching import Quad, groups_of, recall
from evaluation.metrics.text_comparison import CAPITAL_SETS, compared
from evaluation.pages.ground_truth import TruePage
from evaluation.readings.line_layouts import View
from evaluation.readings.reader import Reader
from evaluation.readings.store import Shelf
from fusion import Method, Profile, fuse
from ocr.contract import TextAnswer
from segmentation.upright import Turn

Ask = Callable[[Path], TextAnswer]
"""Reads an image file by a running service, with every engine's reading of each line."""


@dataclass(frozen=True, slots=True)
class FoundPage:
    """`quads[k]` is where line k lies, `reads[name][k]` what a reader says of it."""

    quads: tuple[Quad, ...]
    reads: Mapping[str, Sequence[str]]


def from_shelf(
    shelf: Shelf, page: TruePage, view: View, readers: Sequence[Reader], profile: Profile, method: Method
) -> FoundPage:
    """The page as the segmentation finds its lines, read now where it never was."""
    layout = shelf.cuts.layout(page, view)
    readings = {reader.name: shelf.reading(page, view, reader).hypotheses for reader in readers}
    fused = [
        fuse({name: claims[index] for name, claims in readings.items()}, profile.on(region.material), method).text
        for index, region in enumerate(layout.regions)
    ]
    quads = np.array([region.polygon.array() for region in layout.regions], dtype=np.float32).reshape(-1, 4, 2)
    if view.turned_degrees:
        height, width = page.pixels().shape[:2]
        quads = Turn.back(width, height, -view.turned_degrees).to_page(quads)
    reads = {name: [claim.text for claim in claims] for name, claims in readings.items()}
    return FoundPage(tuple(quads), {**reads, FUSED: fused})


def from_service(ask: Ask, page: TruePage, kept: Path) -> FoundPage:
    """The page as a service reads it; what it answered is kept in a file, so that a stopped run goes on."""
    if not kept.exists():
        answer = ask(page.image)
        said = [
            {"polygon": line.polygon, "readings": {FUSED: line.text} | (line.readings or {})} for line in answer.lines
        ]
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(said), encoding="utf-8")
    lines = json.loads(kept.read_text(encoding="utf-8"))
    names = dict.fromkeys(name for line in lines for name in line["readings"])
    return FoundPage(
        tuple(np.array(line["polygon"], dtype=np.float32) for line in lines),
        {name: [line["readings"].get(name, "") for line in lines] for name in names},
    )


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a set of pages: its samples, and the part of the true lines that lie where something was found."""

    samples: tuple[Sample, ...]
    recall: float


def compare(set_name: str, pages: Sequence[tuple[TruePage, FoundPage]]) -> Found:
    """The groups of all pages of a set, as samples."""
    ignore_case = set_name in CAPITAL_SETS
    samples: list[Sample] = []
    every = []
    for page, found in pages:
        groups = groups_of([_quad(line.quad()) for line in page.lines], found.quads)
        every += groups
        truths = [line.text for line in page.lines]
        texts = {text for side in (truths, *found.reads.values()) for text in side}
        same = {text: compared(text, ignore_case=ignore_case) for text in texts}
        samples += (group_sample(set_name, group, truths, found.reads, same) for group in groups)
    return Found(tuple(samples), recall(every))


def _quad(quad: NDArray[np.float32]) -> Quad:
    return np.asarray(quad, dtype=np.float32)


def by_set(pages: Sequence[tuple[str, TruePage]]) -> Iterator[tuple[str, list[TruePage]]]:
    """The pages of each set, in their order."""
    for name in dict.fromkeys(name for name, _ in pages):
        yield name, [page for own, page in pages if own == name]
