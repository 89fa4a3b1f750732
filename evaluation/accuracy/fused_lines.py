"""Labelled lines as the vote reads them, each with all lines of its page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from evaluation.readings.labelled_lines import LabelledLine
from fusion import FusedLine, Method, Profile, fuse_page
from ocr import Hypothesis


def by_page(lines: Iterable[LabelledLine]) -> list[list[LabelledLine]]:
    """Lines that follow each other on one page."""
    return [list(page) for _, page in groupby(lines, key=lambda line: line.page.image)]


def fused_lines(
    lines: Iterable[LabelledLine],
    profile: Profile,
    method: Method = Method.CONFIDENCE_WEIGHTED,
    engines: Sequence[str] | None = None,
) -> Iterator[tuple[LabelledLine, FusedLine]]:
    """Every line as all engines that read it, or some of them, read its page together."""
    for page in by_page(lines):
        hypotheses = [line.hypotheses if engines is None else among(line, engines) for line in page]
        yield from zip(page, fuse_page(hypotheses, materials(page), profile, method), strict=True)


def among(line: LabelledLine, engines: Sequence[str]) -> Mapping[str, Hypothesis]:
    """What some engines read on a line."""
    return {name: line.hypotheses[name] for name in engines}


def materials(page: Sequence[LabelledLine]) -> list[str]:
    """Of the lines of a page."""
    return [line.region.material for line in page]
