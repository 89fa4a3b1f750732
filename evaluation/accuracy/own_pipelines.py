"""What a user of one engine alone would get: the way from a page to text that each engine's makers ship, beside ours.

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

from evaluation.accuracy.detected_pages import FoundPage, compare
from evaluation.accuracy.error_rates import FUSED
from evaluation.metrics.bootstrap import paired
from evaluation.metrics.line_matching import Quad
from evaluation.metrics.text_comparison import Count, characters
from evaluation.pages.ground_truth import TruePage
from evaluation.readings.reader import MODEL_DIR
from evaluation.readings.store import Shelf
from ocr.image import Pixels

_OF_EASYOCR = {"easyocr": "english_g2", "easyocr_detector": "craft_mlt_25k"}
"""Its recogniser and its detector in the model store."""

ReadPage = Callable[[Pixels], Sequence[tuple[Quad, str]]]
"""The lines of a page, RGB, as one pipeline finds and reads them."""


def _of_tesseract() -> ReadPage:
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


def _of_paddleocr() -> ReadPage:
    from rapidocr import RapidOCR

    pipeline = RapidOCR(params={"Global.log_level": "error"})

    def read(page: Pixels) -> list[tuple[Quad, str]]:
        found = pipeline(page[:, :, ::-1])  # it takes BGR, as OpenCV reads files
        if found.boxes is None or found.txts is None:
            return []
        return [(np.asarray(box, dtype=np.float32), text) for box, text in zip(found.boxes, found.txts, strict=True)]

    return read


def _of_easyocr() -> ReadPage:
    pulled = [MODEL_DIR / key / name / f"{name}.pth" for key, name in _OF_EASYOCR.items()]
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


PIPELINES: Mapping[str, Callable[[], ReadPage]] = {
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
class Beside:
    """The characters that one pipeline and that ours get wrong on the pages of a set, and how likely the difference is
    by chance (paired over pages).
    """

    own: Count
    ours: Count
    chance: float

    @property
    def reduction(self) -> float:
        return 1.0 - self.ours.rate / self.own.rate if self.own.rate else 0.0


def beside(set_name: str, name: str, shelf: Shelf, pages: Sequence[tuple[TruePage, FoundPage]]) -> Beside:
    """One pipeline against the fusion, on pages that ours has read already."""
    own = [count(set_name, page, read_by(name, shelf, page), name) for page, _ in pages]
    ours = [count(set_name, page, found, FUSED) for page, found in pages]
    chance = paired([counted.edits for counted in ours], [counted.edits for counted in own])
    return Beside(sum(own, Count()), sum(ours, Count()), chance)


def read_by(name: str, shelf: Shelf, page: TruePage) -> FoundPage:
    """The page by one pipeline; read now if it never was."""

    def read() -> object:
        return [[quad.tolist(), text] for quad, text in PIPELINES[name]()(page.pixels())]

    lines = shelf.noted(f"own-{name}", page, read)
    return FoundPage(tuple(np.array(quad, dtype=np.float32) for quad, _ in lines), {name: [text for _, text in lines]})


def count(set_name: str, page: TruePage, found: FoundPage, reader: str) -> Count:
    """The edits that turn what a reader read of a page into what is true, matched by where it lies."""
    samples = compare(set_name, [(page, found)]).samples
    return sum((characters(own.reads.get(reader, ""), own.truth) for own in samples), Count())
