"""What a user of one engine alone would get: the pipeline from page to text that each engine's makers ship.

Tesseract finds its own lines (page segmentation mode 3; the text is that of `pytesseract.image_to_string`), PaddleOCR's
models are run by the pipeline of the package that carries them (`rapidocr.RapidOCR()`, detector, orientation and
recognition), and EasyOCR by `readtext`, whose detector has to be fetched from a hub first. The character network and
the line writer have no pipeline: they read what somebody else cuts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from evaluation.accuracy.detected_pages import DetectedPage, match_pages
from evaluation.accuracy.error_rates import FUSED
from evaluation.metrics.bootstrap import paired_bootstrap
from evaluation.metrics.line_matching import Quad
from evaluation.metrics.text_comparison import EditCount, character_edits
from evaluation.pages.ground_truth import GroundTruthPage
from evaluation.readings.reader import model_dir
from evaluation.readings.store import ReadingStore
from ocr.image import Pixels

_OF_EASYOCR = {"easyocr": "english_g2", "easyocr_detector": "craft_mlt_25k"}
"""Its recogniser and its detector in the model store."""

Pipeline = Callable[[Pixels], Sequence[tuple[Quad, str]]]
"""The lines of a page, RGB, as one pipeline finds and reads them."""


def _of_tesseract() -> Pipeline:
    import pytesseract

    def read(page: Pixels) -> list[tuple[Quad, str]]:
        found = pytesseract.image_to_data(page, lang="eng", output_type=pytesseract.Output.DICT)
        lines: dict[tuple[int, int, int], list[int]] = {}
        for index, text in enumerate(found["text"]):
            if text.strip():
                place = (found["block_num"][index], found["par_num"][index], found["line_num"][index])
                lines.setdefault(place, []).append(index)
        return [(_around(found, words), " ".join(found["text"][word] for word in words)) for words in lines.values()]

    return read


def _around(found: Mapping[str, Sequence[int]], words: Sequence[int]) -> Quad:
    left, top = (min(found[side][word] for word in words) for side in ("left", "top"))
    right = max(found["left"][word] + found["width"][word] for word in words)
    bottom = max(found["top"][word] + found["height"][word] for word in words)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32)


def _of_paddleocr() -> Pipeline:
    from rapidocr import RapidOCR

    pipeline = RapidOCR(params={"Global.log_level": "error"})

    def read(page: Pixels) -> list[tuple[Quad, str]]:
        found = pipeline(page[:, :, ::-1])  # it takes BGR, as OpenCV reads files
        if found.boxes is None or found.txts is None:
            return []
        return [(np.asarray(box, dtype=np.float32), text) for box, text in zip(found.boxes, found.txts, strict=True)]

    return read


def _of_easyocr() -> Pipeline:
    pulled = [model_dir() / key / name / f"{name}.pth" for key, name in _OF_EASYOCR.items()]
    missing = [path.stem for path in pulled if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"not pulled: {', '.join(missing)}; quorum models pull {' '.join(missing)}")
    import easyocr

    with tempfile.TemporaryDirectory() as together:  # it looks for both in one folder, and only while it is loaded
        for path in pulled:
            (Path(together) / path.name).symlink_to(path)
        reader = easyocr.Reader(["en"], gpu=False, model_storage_directory=together, download_enabled=False)

    def read(page: Pixels) -> list[tuple[Quad, str]]:
        return [(np.asarray(box, dtype=np.float32), text) for box, text, _ in reader.readtext(page)]

    return read


PIPELINES: Mapping[str, Callable[[], Pipeline]] = {
    "tesseract": cache(_of_tesseract),
    "paddleocr": cache(_of_paddleocr),
    "easyocr": cache(_of_easyocr),
}


def available() -> Iterator[str]:
    """The pipelines that can be run here: EasyOCR's only where its detector lies."""
    for name, load in PIPELINES.items():
        try:
            load()
        except FileNotFoundError:
            continue
        yield name


@dataclass(frozen=True, slots=True)
class PipelineComparison:
    """The edits of one pipeline and of our fusion on the pages of a set, and how likely the difference is by chance
    (paired over pages).
    """

    own: EditCount
    fused: EditCount
    chance: float

    @property
    def reduction(self) -> float:
        return 1.0 - self.fused.rate / self.own.rate if self.own.rate else 0.0


def compare_pipeline(
    set_name: str, name: str, store: ReadingStore, pages: Sequence[tuple[GroundTruthPage, DetectedPage]]
) -> PipelineComparison:
    """One pipeline against the fusion, on pages that it has read already."""
    own = [count_edits(set_name, page, read_by(name, store, page), name) for page, _ in pages]
    fused = [count_edits(set_name, page, found, FUSED) for page, found in pages]
    chance = paired_bootstrap([counted.edits for counted in fused], [counted.edits for counted in own])
    return PipelineComparison(sum(own, EditCount()), sum(fused, EditCount()), chance)


def read_by(name: str, store: ReadingStore, page: GroundTruthPage) -> DetectedPage:
    """The page by one pipeline; read now if it never was."""

    def read() -> object:
        return [[quad.tolist(), text] for quad, text in PIPELINES[name]()(page.pixels())]

    lines = store.cached(f"own-{name}", page, read)
    return DetectedPage(
        tuple(np.array(quad, dtype=np.float32) for quad, _ in lines), {name: [text for _, text in lines]}
    )


def count_edits(set_name: str, page: GroundTruthPage, found: DetectedPage, reader: str) -> EditCount:
    """The edits between what a reader read on a page and what is true, matched by where it lies."""
    samples = match_pages(set_name, [(page, found)]).samples
    return sum((character_edits(own.texts.get(reader, ""), own.truth) for own in samples), EditCount())
