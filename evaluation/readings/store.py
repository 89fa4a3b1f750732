"""What the engines read on the lines of real pages, kept on disk: reading costs minutes, looking at it again nothing.

    shelf = Shelf(Path("runs/readings"))
    for page in pages_for(folder, Split.TUNE):
        reading = shelf.reading(page, TRUE, Reader("tesseract"))  # .hypotheses, one per line, .seconds, .model

A `View` says how lines are cut from a page: along the truth's outlines, or as the segmentation finds them, on the page
as it is or turned. One file holds what one model says of one view of one page; it is named after the model's content
and the page's, so a new model or a changed page is read again and everything else is not. A run that was stopped goes
on where it was. Spans are pixels of the crop. Nothing here knows what is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from evaluation.pages.ground_truth import TruePage
from evaluation.readings.line_layouts import Layouts, View, page_key
from evaluation.readings.reader import Reader, Reading, content_hash, read_crops
from evaluation.readings.serialization import read_json, reading_as_json, reading_from_json, write_json
from ocr import Crop
from segmentation import material


class Shelf:
    """Readings on disk, under `folder`."""

    def __init__(self, folder: Path) -> None:
        self.cuts = Layouts(folder / f"lines-{content_hash(material.BUNDLED)}")
        self._folder = folder

    def reading(self, page: TruePage, view: View, reader: Reader) -> Reading:
        """What the reader says of the page; read now if it never was."""
        return self.kept(f"{page_key(page)}.{view.name}", reader, lambda: self.cuts.lines(page, view).crops())

    def kept(self, name: str, reader: Reader, crops: Callable[[], Sequence[Crop]]) -> Reading:
        """What the reader says of some crops; `name` names them whatever they are cut from."""
        path = self._path(name, reader)
        if not path.exists():
            write_json(path, reading_as_json(read_crops(reader, crops())))
        return reading_from_json(reader.name, read_json(path))

    def lacks(self, page: TruePage, view: View, reader: Reader) -> bool:
        """Whether the reader has to read the page."""
        return not self._path(f"{page_key(page)}.{view.name}", reader).exists()

    def noted(self, name: str, page: TruePage, make: Callable[[], object]) -> Any:  # noqa: ANN401 - JSON of the caller's
        """What was made of a page under some name, as JSON; made now if it never was."""
        path = self._folder / name / f"{page_key(page)}.json.gz"
        if not path.exists():
            write_json(path, make())
        return read_json(path)

    def _path(self, name: str, reader: Reader) -> Path:
        return self._folder / f"{reader.name}-{reader.fingerprint}" / f"{name}.json.gz"


def read_all(shelf: Shelf, pages: Sequence[TruePage], views: Sequence[View], readers: Sequence[Reader]) -> None:
    """Read what is missing, with a bar. A page is cut once for all readers."""
    from rich.progress import track

    for view in views:
        wanted = [(page, [reader for reader in readers if shelf.lacks(page, view, reader)]) for page in pages]
        missing = [(page, lacking) for page, lacking in wanted if lacking]
        for page, lacking in track(missing, f"reading {view.name}", disable=not missing):
            crops = shelf.cuts.lines(page, view).crops()
            for reader in lacking:
                shelf.kept(f"{page_key(page)}.{view.name}", reader, partial(_same, crops))


def _same(crops: Sequence[Crop]) -> Sequence[Crop]:
    return crops
