"""Lines with their ground truth and what engines read on them: what weights are fitted to and figures are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.metrics.text_comparison import CAPITAL_SETS, normalised
from evaluation.pages.ground_truth import GroundTruthPage, Split, read_pages, split_of
from evaluation.readings.line_layouts import GROUND_TRUTH
from evaluation.readings.reader import Reader
from evaluation.readings.store import ReadingStore
from ocr import Hypothesis
from ocr.image import Region


@dataclass(frozen=True, slots=True)
class LabelledLine:
    """A line of the ground truth, what each engine reads on it, and its share of the core-seconds that the engine spent
    on the page. `truth` is normalised for comparison.
    """

    set_name: str
    page: GroundTruthPage
    index: int
    region: Region
    truth: str
    hypotheses: Mapping[str, Hypothesis]
    seconds: Mapping[str, float]

    @property
    def ignore_case(self) -> bool:
        return self.set_name in CAPITAL_SETS

    def normalised(self, text: str) -> str:
        return normalised(text, ignore_case=self.ignore_case)


def pages_of(folders: Iterable[Path], splits: Iterable[Split]) -> list[tuple[str, GroundTruthPage]]:
    """The pages of some splits of some folders, each with its folder's name."""
    wanted = frozenset(splits)
    found = []
    for folder in folders:
        pages = read_pages(folder)
        parts = split_of(pages)
        found += [(folder.name, page) for page in pages if parts[page.image] in wanted]
    return found


def labelled_lines(
    store: ReadingStore, pages: Sequence[tuple[str, GroundTruthPage]], readers: Sequence[Reader]
) -> Iterator[LabelledLine]:
    """The lines of the pages' ground truth with what the readers read on them, read now where they never were."""
    for set_name, page in pages:
        readings = {reader.name: store.reading(page, GROUND_TRUTH, reader) for reader in readers}
        regions = store.layouts.layout(page, GROUND_TRUTH).regions
        # A reader's time on a line goes with its length at equal height.
        lengths = [region.width_px / region.height_px for region in regions]
        for index, (line, region) in enumerate(zip(page.lines, regions, strict=True)):
            part = lengths[index] / sum(lengths)
            yield LabelledLine(
                set_name,
                page,
                index,
                region,
                normalised(line.text, ignore_case=set_name in CAPITAL_SETS),
                {name: reading.hypotheses[index] for name, reading in readings.items()},
                {name: reading.seconds * part for name, reading in readings.items()},
            )
