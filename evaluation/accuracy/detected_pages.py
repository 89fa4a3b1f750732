"""Pages whose lines are detected, not given: read in process by the readers, or by a running service.

A page that was turned for the measurement is turned back here, so that its lines lie where those of the ground truth
lie.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evaluation.accuracy.error_rates import FUSED, Sample
from evaluation.accuracy.word_scores import word_scores
from evaluation.metrics.line_matching import LineMatch, Quad, match_lines, recall
from evaluation.metrics.text_comparison import CAPITAL_SETS, normalised
from evaluation.pages.ground_truth import GroundTruthPage
from evaluation.readings.line_layouts import LineSource
from evaluation.readings.reader import Reader
from evaluation.readings.store import ReadingStore
from fusion import Method, Profile, fuse_page
from ocr.contract import TextAnswer
from segmentation.page_rotation import PageRotation

ReadByService = Callable[[Path], TextAnswer]
"""Reads an image file by a running service, with every engine's reading of each line."""


@dataclass(frozen=True, slots=True)
class DetectedPage:
    """`quads[k]` is where line k lies on the page as it is stored, `texts[name][k]` what a reader reads there,
    `word_scores[k]` how sure its words are, `legible[k]` whether somebody can read it; none where only texts are known.
    """

    quads: tuple[Quad, ...]
    texts: Mapping[str, Sequence[str]]
    word_scores: Sequence[Mapping[str, tuple[float, ...]]] = ()
    legible: Sequence[bool] = ()


def from_store(
    store: ReadingStore,
    page: GroundTruthPage,
    source: LineSource,
    readers: Sequence[Reader],
    profile: Profile,
    method: Method,
) -> DetectedPage:
    """The page as the segmentation finds its lines and the readers read them, now where they never did."""
    layout = store.layouts.layout(page, source)
    readings = {reader.name: store.reading(page, source, reader).hypotheses for reader in readers}
    lines = [{name: own[index] for name, own in readings.items()} for index in range(len(layout.regions))]
    fused = fuse_page(lines, [region.material for region in layout.regions], profile, method)
    quads = np.array([region.polygon.array() for region in layout.regions], dtype=np.float32).reshape(-1, 4, 2)
    if source.rotation_degrees:
        height, width = page.pixels().shape[:2]
        quads = PageRotation.undoing(width, height, -source.rotation_degrees).to_page(quads)
    texts = {name: [hypothesis.text for hypothesis in own] for name, own in readings.items()}
    scores = [word_scores(own, found) for own, found in zip(lines, fused, strict=True)]
    texts[FUSED] = [line.text for line in fused]
    return DetectedPage(tuple(quads), texts, scores, [line.legible for line in fused])


def from_service(read: ReadByService, page: GroundTruthPage, kept: Path) -> DetectedPage:
    """The page as a service reads it; what it answered is kept in a file, so that a stopped run goes on."""
    if not kept.exists():
        answer = read(page.image)
        lines = [
            {"polygon": line.polygon, "readings": {FUSED: line.text} | (line.readings or {})} for line in answer.lines
        ]
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(lines), encoding="utf-8")
    lines = json.loads(kept.read_text(encoding="utf-8"))
    names = dict.fromkeys(name for line in lines for name in line["readings"])
    return DetectedPage(
        tuple(np.array(line["polygon"], dtype=np.float32) for line in lines),
        {name: [line["readings"].get(name, "") for line in lines] for name in names},
    )


@dataclass(frozen=True, slots=True)
class MatchedPages:
    """The samples of a set of pages, and the part of the true lines that lie where a line was detected."""

    samples: tuple[Sample, ...]
    recall: float


def match_pages(set_name: str, pages: Sequence[tuple[GroundTruthPage, DetectedPage]]) -> MatchedPages:
    """The matches of all pages of a set, each as one sample."""
    ignore_case = set_name in CAPITAL_SETS
    samples: list[Sample] = []
    every = []
    for page, detected in pages:
        matches = match_lines([line.quad() for line in page.lines], detected.quads)
        every += matches
        truths = [line.text for line in page.lines]
        texts = {text for side in (truths, *detected.texts.values()) for text in side}
        same = {text: normalised(text, ignore_case=ignore_case) for text in texts}
        samples += (_sample(set_name, match, truths, detected, same) for match in matches)
    return MatchedPages(tuple(samples), recall(every))


def _sample(
    set_name: str, match: LineMatch, truths: Sequence[str], detected: DetectedPage, same: Mapping[str, str]
) -> Sample:
    """What is true in one place, and what each reader read there. `same` has each text normalised."""
    scores: dict[str, tuple[float, ...]] = {}
    for index in match.found if detected.word_scores else ():
        for name, own in detected.word_scores[index].items():
            scores[name] = (*scores.get(name, ()), *own)
    return Sample(
        set_name,
        _joined(same[truths[index]] for index in match.true),
        {reader: _joined(same[read[index]] for index in match.found) for reader, read in detected.texts.items()},
        scores,
        all(detected.legible[index] for index in match.found) if detected.legible else True,
    )


def complete_samples(samples: Sequence[Sample]) -> list[Sample]:
    """An engine that read nothing on a page has read nothing there."""
    names = dict.fromkeys(name for sample in samples for name in sample.texts)
    return [replace(own, texts={name: own.texts.get(name, "") for name in names}) for own in samples]


def _joined(texts: Iterable[str]) -> str:
    return " ".join(text for text in texts if text)


def by_set(pages: Sequence[tuple[str, GroundTruthPage]]) -> Iterator[tuple[str, list[GroundTruthPage]]]:
    """The pages of each set, in their order."""
    for name in dict.fromkeys(name for name, _ in pages):
        yield name, [page for own, page in pages if own == name]
