"""Lines with what engines read on them and what they say: what weights are fitted to and figures are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.metrics.text_comparison import CAPITAL_SETS, compared
from evaluation.pages.ground_truth import Split, TruePage, read_pages, split_of
from evaluation.readings.line_layouts import TRUE
from evaluation.readings.reader import Reader
from evaluation.readings.store import Shelf
from ocr import Hypothesis
from ocr.image import Region


@dataclass(frozen=True, slots=True)
class LabelledLine:
    """A true line of a page, what each engine says of it, and its share of the core-seconds that the engine spent on
    the page. `truth` is as it is compared.
    """

    set_name: str
    page: TruePage
    index: int
    region: Region
    truth: str
    claims: Mapping[str, Hypothesis]
    seconds: Mapping[str, float]

    @property
    def ignore_case(self) -> bool:
        return self.set_name in CAPITAL_SETS

    def compared(self, text: str) -> str:
        return compared(text, ignore_case=self.ignore_case)


def pages_of(folders: Iterable[Path], splits: Iterable[Split]) -> list[tuple[str, TruePage]]:
    """The pages of some splits of some folders, each with its folder's name."""
    wanted = frozenset(splits)
    found = []
    for folder in folders:
        pages = read_pages(folder)
        parts = split_of(pages)
        found += [(folder.name, page) for page in pages if parts[page.image] in wanted]
    return found


def labelled(shelf: Shelf, pages: Sequence[tuple[str, TruePage]], readers: Sequence[Reader]) -> Iterator[LabelledLine]:
    """The true lines of pages with the readers' readings of them, read now where they never were."""
    for set_name, page in pages:
        readings = {reader.name: shelf.reading(page, TRUE, reader) for reader in readers}
        regions = shelf.cuts.layout(page, TRUE).regions
        # A reader's time on a line goes with its length at equal height.
        lengths = [region.width_px / region.height_px for region in regions]
        for index, (line, region) in enumerate(zip(page.lines, regions, strict=True)):
            part = lengths[index] / sum(lengths)
            yield LabelledLine(
                set_name,
                page,
                index,
                region,
                compared(line.text, ignore_case=set_name in CAPITAL_SETS),
                {name: reading.hypotheses[index] for name, reading in readings.items()},
                {name: reading.seconds * part for name, reading in readings.items()},
            )
