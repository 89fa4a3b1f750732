"""What engines read on the lines of labelled pages, kept on disk: a reading costs minutes, a second look nothing.

    store = ReadingStore(Path("runs/readings"))
    for page in pages_for(folder, Split.TUNE):
        reading = store.reading(page, GROUND_TRUTH, Reader("tesseract"))  # .hypotheses, one a line, .seconds, .model

One file holds what one model reads on one page, from one line source. Its name has a hash of the model's files and one
of the page: a new model or a changed page is read again, and everything else is not. A run that was stopped goes on
where it was. Spans are pixels of the crop. The store does not know what is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evaluation.pages.ground_truth import GroundTruthPage
from evaluation.readings.line_layouts import LayoutStore, LineSource, page_key
from evaluation.readings.reader import Reader, Reading, content_hash, read_now
from evaluation.readings.serialization import read_json, reading_as_json, reading_from_json, write_json
from ocr import Crop
from segmentation import material


class ReadingStore:
    """Readings on disk, under `folder`."""

    def __init__(self, folder: Path) -> None:
        self.layouts = LayoutStore(folder / f"lines-{content_hash(material.BUNDLED)}")
        self._folder = folder

    def reading(self, page: GroundTruthPage, source: LineSource, reader: Reader) -> Reading:
        """What the reader reads on the page; read now if it never was."""
        return self.read_crops(
            f"{page_key(page)}.{source.name}", reader, lambda: self.layouts.segmented(page, source).crops()
        )

    def read_crops(self, name: str, reader: Reader, crops: Callable[[], Sequence[Crop]]) -> Reading:
        """What the reader reads on some crops, which `name` names; `crops` is called if they were never read."""
        path = self._path(name, reader)
        if not path.exists():
            write_json(path, reading_as_json(read_now(reader, crops())))
        return reading_from_json(reader.name, read_json(path))

    def is_missing(self, page: GroundTruthPage, source: LineSource, reader: Reader) -> bool:
        """Whether the reader has to read the page."""
        return not self._path(f"{page_key(page)}.{source.name}", reader).exists()

    def cached(self, name: str, page: GroundTruthPage, make: Callable[[], object]) -> Any:  # noqa: ANN401 - JSON of the caller's
        """What `make` makes of a page, as JSON, under a name of the caller's; made now if it never was."""
        path = self._folder / name / f"{page_key(page)}.json.gz"
        if not path.exists():
            write_json(path, make())
        return read_json(path)

    def _path(self, name: str, reader: Reader) -> Path:
        return self._folder / f"{reader.name}-{reader.fingerprint}" / f"{name}.json.gz"


def read_missing(
    store: ReadingStore, pages: Sequence[GroundTruthPage], sources: Sequence[LineSource], readers: Sequence[Reader]
) -> None:
    """Read what is missing, with a bar. A page is cut once for all readers."""
    from rich.progress import track

    for source in sources:
        needed = [(page, [reader for reader in readers if store.is_missing(page, source, reader)]) for page in pages]
        missing = [(page, some) for page, some in needed if some]
        for page, some in track(missing, f"reading {source.name}", disable=not missing):
            segmented = store.layouts.segmented(page, source)
            for reader in some:
                store.read_crops(f"{page_key(page)}.{source.name}", reader, segmented.crops)
