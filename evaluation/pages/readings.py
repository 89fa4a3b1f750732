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

import gzip
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import engines
import segmentation
from cluster.weights import models, rapidocr_models
from deployments.messages.request import Handling
from deployments.segmentation.page_cutting import Scissors
from evaluation.pages.pages import TruePage
from ocr import Box, Crop, Hypothesis, Layout, LoadOptions, Polygon, Region, Scope, SegmentedPage
from ocr.claims import Alternative, ClaimedCharacter, Span
from ocr.image import Material, Pixels
from ocr.ports import Engine, EngineSpec
from segmentation import material
from segmentation.segmenter import cut_line
from segmentation.upright import Turn

DETECTOR = "paddleocr_detector"
MODEL_DIR = Path("~/.cache/quorum/models").expanduser()
CACHE_DIR = Path("~/.cache/quorum").expanduser()
_MAX_PIXELS = 200_000_000


@dataclass(frozen=True, slots=True)
class View:
    """How lines are cut: `found` by the segmentation or true; from the page turned by `turned_degrees` (found only)."""

    found: bool
    turned_degrees: float = 0.0

    def __post_init__(self) -> None:
        if self.turned_degrees and not self.found:
            raise ValueError("true lines are cut upright however the page lies")

    @property
    def name(self) -> str:
        return f"found{self.turned_degrees:+g}" if self.turned_degrees else "found" if self.found else "true"


TRUE = View(found=False)
FOUND = View(found=True)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one model says of the lines of one page, in their order, and the core-seconds that it took for them."""

    engine: str
    model: str
    seconds: float
    hypotheses: tuple[Hypothesis, ...]


@dataclass(frozen=True)
class Reader:
    """An engine with one model, loaded when something has to be read. `fingerprint` changes with the model's files."""

    name: str
    model: str = "auto"
    model_dir: Path = MODEL_DIR
    cache_dir: Path = CACHE_DIR

    @property
    def spec(self) -> EngineSpec:
        return engines.spec(self.name)

    @cached_property
    def fingerprint(self) -> str:
        path = models.resolve(self.name, self.model, model_dir=self.model_dir, cache_dir=self.cache_dir)
        return "system" if path is None else _content_of(path)

    @cached_property
    def engine(self) -> Engine:
        path = models.resolve(self.name, self.model, model_dir=self.model_dir, cache_dir=self.cache_dir)
        return self.spec.load(LoadOptions(path, threads=1))


class Cuts:
    """The lines of pages, by view. Where the segmentation finds them is kept on disk, the pixels are cut when asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def layout(self, page: TruePage, view: View) -> Layout:
        """Where the lines are, without their pixels where that is known already."""
        path = self._path(page, view)
        if not path.exists():
            self.lines(page, view)
        return _layout_from_json(_read(path))

    def lines(self, page: TruePage, view: View) -> SegmentedPage:
        """The lines with their pixels."""
        cut = self._cut(page, view)
        if not self._path(page, view).exists():
            _write(self._path(page, view), _layout_as_json(cut.layout))
        return cut

    def _path(self, page: TruePage, view: View) -> Path:
        return self._folder / f"{_stem(page)}.{view.name}.json.gz"

    def _cut(self, page: TruePage, view: View) -> SegmentedPage:
        if not view.found:
            return true_lines(page)
        encoded = page.image.read_bytes()
        if view.turned_degrees:
            encoded = cv2.imencode(".png", turned(page.pixels(), view.turned_degrees)[:, :, ::-1])[1].tobytes()
        cut = _scissors().page(encoded, Handling("printed", None, _MAX_PIXELS, math.inf))
        if not isinstance(cut, SegmentedPage):
            raise cut.error
        return cut


class Shelf:
    """Readings on disk, under `folder`."""

    def __init__(self, folder: Path) -> None:
        self.cuts = Cuts(folder / f"lines-{_content_of(material.BUNDLED)}")
        self._folder = folder

    def reading(self, page: TruePage, view: View, reader: Reader) -> Reading:
        """What the reader says of the page; read now if it never was."""
        return self.kept(f"{_stem(page)}.{view.name}", reader, lambda: self.cuts.lines(page, view).crops())

    def kept(self, name: str, reader: Reader, crops: Callable[[], Sequence[Crop]]) -> Reading:
        """What the reader says of some crops; `name` names them whatever they are cut from."""
        path = self._path(name, reader)
        if not path.exists():
            _write(path, _reading_as_json(_read_now(reader, crops())))
        return _reading_from_json(reader.name, _read(path))

    def lacks(self, page: TruePage, view: View, reader: Reader) -> bool:
        """Whether the reader has to read the page."""
        return not self._path(f"{_stem(page)}.{view.name}", reader).exists()

    def noted(self, name: str, page: TruePage, make: Callable[[], object]) -> Any:  # noqa: ANN401 - JSON of the caller's
        """What was made of a page under some name, as JSON; made now if it never was."""
        path = self._folder / name / f"{_stem(page)}.json.gz"
        if not path.exists():
            _write(path, make())
        return _read(path)

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
                shelf.kept(f"{_stem(page)}.{view.name}", reader, partial(_same, crops))


def _same(crops: Sequence[Crop]) -> Sequence[Crop]:
    return crops


def true_lines(page: TruePage) -> SegmentedPage:
    """The true lines of a page, each cut along the smallest rectangle around its outline."""
    pixels = page.pixels()
    cuts = [cut_line(pixels, line.quad(), 0) for line in page.lines]
    layout = Layout(pixels.shape[1], pixels.shape[0], tuple(region for region, _ in cuts))
    return SegmentedPage(layout, tuple(crop for _, crop in cuts))


def turned(page: Pixels, degrees: float) -> Pixels:
    """The page turned counter-clockwise, RGB uint8 (H, W, 3), as large as it has to be; as sharp as can be, because a
    page that was laid askew into a scanner has lost nothing by it.
    """
    return Turn.back(page.shape[1], page.shape[0], -degrees).pixels(page, cv2.INTER_LANCZOS4)


def _read_now(reader: Reader, crops: Sequence[Crop]) -> Reading:
    engine = reader.engine  # loaded before the clock starts
    started = _core_seconds()
    hypotheses = tuple(engine.read(crops)) if crops else ()
    return Reading(reader.name, engine.model, _core_seconds() - started, hypotheses)


def _core_seconds() -> float:
    """Of this process and of those that it waited for: the same on a busy machine as on a quiet one, nearly."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


@cache
def _scissors() -> Scissors:
    detector = models.resolve(DETECTOR, model_dir=MODEL_DIR, cache_dir=CACHE_DIR)
    return Scissors(segmentation.load(LoadOptions(detector), *rapidocr_models.orientation_files()))


def set_of(page: TruePage) -> str:
    """The name of the page's folder."""
    folder = page.image.parent
    return folder.parent.name if folder.name == "images" else folder.name


def _stem(page: TruePage) -> str:
    """Names the page by its folder, its file and its content: the picture and the outlines of its lines."""
    digest = hashlib.sha256(page.image.read_bytes())
    for line in page.lines:
        digest.update(line.outline.tobytes())
    return f"{set_of(page)}/{page.image.stem}-{digest.hexdigest()[:12]}"


def _content_of(path: Path) -> str:
    """The first letters of a hash over the files of a model."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(str(file.relative_to(path)).encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


# --- on disk ---


def _write(path: Path, content: object) -> None:
    """Whole or not at all: a run may be stopped at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(gzip.compress(json.dumps(content, ensure_ascii=False).encode(), 4))
    part.replace(path)


def _read(path: Path) -> Any:  # noqa: ANN401 - JSON that this file wrote
    return json.loads(gzip.decompress(path.read_bytes()))


def _reading_as_json(reading: Reading) -> dict[str, object]:
    lines = [_claim_as_json(hypothesis) for hypothesis in reading.hypotheses]
    return {"model": reading.model, "seconds": reading.seconds, "lines": lines}


def _claim_as_json(hypothesis: Hypothesis) -> object:
    if hypothesis.abstention is not None:
        return hypothesis.abstention
    return [
        [
            character.text,
            round(character.probability, 6),
            None if character.span is None else [round(float(edge), 1) for edge in character.span],
            [[other.text, round(other.probability, 4)] for other in character.alternatives],
        ]
        for character in hypothesis.characters
    ]


def _reading_from_json(engine: str, content: Mapping[str, Any]) -> Reading:
    hypotheses = tuple(
        Hypothesis.abstain(line) if isinstance(line, str) else Hypothesis.of(_characters(line))
        for line in content["lines"]
    )
    return Reading(engine, content["model"], content["seconds"], hypotheses)


def _characters(line: Sequence[Any]) -> Iterator[ClaimedCharacter]:
    for text, probability, span, others in line:
        alternatives = tuple(Alternative(letter, value) for letter, value in others)
        place = Span(*span) if span is not None and span[0] < span[1] else None
        yield ClaimedCharacter(text, probability, place, alternatives)


def _layout_as_json(layout: Layout) -> dict[str, object]:
    regions = [
        {
            "polygon": region.polygon.corners,
            "size": (region.width_px, region.height_px),
            "characters": [_edges(box) for box in region.character_boxes],
            "words": [_edges(box) for box in region.word_boxes],
            "block": region.block,
            "material": region.material,
        }
        for region in layout.regions
    ]
    return {"size": (layout.width_px, layout.height_px), "rotation": layout.rotation_degrees, "regions": regions}


def _edges(box: Box) -> tuple[int, int, int, int]:
    return box.left, box.top, box.right, box.bottom


def _layout_from_json(content: Mapping[str, Any]) -> Layout:
    regions = tuple(
        Region(
            Polygon.from_array(np.array(region["polygon"], dtype=np.float64)),
            region["size"][0],
            region["size"][1],
            Scope.LINE,
            tuple(Box(*edges) for edges in region["characters"]),
            tuple(Box(*edges) for edges in region["words"]),
            region["block"],
            Material(region["material"]),
        )
        for region in content["regions"]
    )
    width, height = content["size"]
    return Layout(width, height, regions, content["rotation"])
