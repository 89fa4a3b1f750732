"""Quorum as the OCR engine of OCRmyPDF: `pip install 'quorum-ocr[ocrmypdf]'`, then `ocrmypdf scan.pdf out.pdf`.

OCRmyPDF finds this file by its entry point and asks it for an engine under `--ocr-engine auto`, which is the default.
`--ocr-engine tesseract` goes round it. Each page image is read by a running Quorum; nothing is read here. OCRmyPDF's
interface: ocrmypdf.pluginspec, version 17.
"""

from __future__ import annotations

import logging
import os
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ocrmypdf import hookimpl
from ocrmypdf.exceptions import BadArgsError, ExitCode, ExitCodeException
from ocrmypdf.models.ocr_element import Baseline, BoundingBox, OcrClass, OcrElement
from ocrmypdf.pluginspec import OcrEngine, OrientationConfidence
from PIL import Image
from pydantic import BaseModel

from ocr.contract import LineAnswer, TextAnswer, WordAnswer
from ocr.errors import OutOfRange, QuorumError
from ocr.geometry import Point, bounds
from ocr.page_geometry import LEVEL_DEGREES, direction_degrees, quarter_turns, skew_degrees
from ocr.text.languages import LANGUAGES, parsed
from quorum.client import DEFAULT_URL, Client

TIMEOUT_S = 120.0
_SURE = 15.0
_USUAL_DPI = 300.0

_LANGUAGES = {language.tesseract: code for code, language in LANGUAGES.items()}
"""What `-l` may say, as ISO 639-1. ISO 639-1 itself may be said too."""


class QuorumOptions(BaseModel):
    """The options `--quorum-...` of OCRmyPDF."""

    url: str = DEFAULT_URL
    profile: str | None = None
    policy: str | None = None
    timeout_s: float = TIMEOUT_S


class ReadingFailed(ExitCodeException):  # type: ignore[misc]  # OCRmyPDF is not typed here
    """The service refused a page, or could not be reached."""

    exit_code = ExitCode.child_process_error


@hookimpl  # type: ignore[untyped-decorator]
def register_options() -> dict[str, type[BaseModel]]:
    return {"quorum": QuorumOptions}


@hookimpl  # type: ignore[untyped-decorator]
def add_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("Quorum", "The service that reads the pages. A key for it: QUORUM_API_KEY.")
    url = os.environ.get("QUORUM_URL", DEFAULT_URL)
    group.add_argument("--quorum-url", default=url, metavar="URL", help=f"its address; QUORUM_URL, else {DEFAULT_URL}")
    group.add_argument("--quorum-profile", metavar="NAME", help="whose weights count: printed, handwritten, ...")
    group.add_argument("--quorum-policy", choices=("all", "cascade"), help="ask all engines, or the others in doubt")
    group.add_argument("--quorum-timeout-s", type=float, default=TIMEOUT_S, metavar="S", help="for a page")


@hookimpl  # type: ignore[untyped-decorator]
def check_options(options: Any) -> None:  # noqa: ANN401 - OCRmyPDF's options, which grow by those of its plugins
    """Refuse what cannot work before the first page is drawn."""
    if options.ocr_engine != "auto":
        return
    if options.pdf_renderer == "sandwich":
        raise BadArgsError("Quorum does not draw PDFs of text alone: leave --pdf-renderer out")
    _lang(options)


@hookimpl  # type: ignore[untyped-decorator]
def get_ocr_engine(options: Any) -> OcrEngine | None:  # noqa: ANN401
    """Quorum, unless another engine was asked for by name."""
    if options is not None and options.ocr_engine != "auto":
        return None
    return QuorumEngine()


class QuorumEngine(OcrEngine):  # type: ignore[misc]
    """A running Quorum, asked once for each page."""

    @staticmethod
    def version() -> str:
        return version("quorum-ocr")

    @staticmethod
    def creator_tag(options: Any) -> str:  # noqa: ANN401
        return f"Quorum {QuorumEngine.version()}"

    def __str__(self) -> str:
        return f"Quorum {self.version()}"

    @staticmethod
    def languages(options: Any) -> set[str]:  # noqa: ANN401
        return set()  # OCRmyPDF checks none then; check_options does

    @staticmethod
    def get_orientation(input_file: Path, options: Any) -> OrientationConfidence:  # noqa: ANN401
        needed, share = quarter_turns(_read(input_file, options).lines)
        # Its docstring says by how much to rotate clockwise; its pipeline takes how far the page is rotated clockwise.
        return OrientationConfidence(-needed % 360, _SURE * share)

    @staticmethod
    def get_deskew(input_file: Path, options: Any) -> float:  # noqa: ANN401
        return skew_degrees(_read(input_file, options).lines)

    @staticmethod
    def supports_generate_ocr() -> bool:
        return True

    @staticmethod
    def generate_ocr(input_file: Path, options: Any, page_number: int = 0) -> tuple[OcrElement, str]:  # noqa: ANN401
        answer = _read(input_file, options)
        return page_element(answer, _dpi(input_file), page_number), answer.text

    @staticmethod
    def generate_hocr(input_file: Path, output_hocr: Path, output_text: Path, options: Any) -> None:  # noqa: ANN401
        with _told_to_ocrmypdf(options):
            content = _client(options).read_as(input_file, "hocr", **_asked(options))
        output_hocr.write_bytes(content)
        output_text.write_text(_read(input_file, options).text, encoding="utf-8")

    @staticmethod
    def generate_pdf(input_file: Path, output_pdf: Path, output_text: Path, options: Any) -> None:  # noqa: ANN401
        raise BadArgsError("Quorum does not draw PDFs of text alone: leave --pdf-renderer out")


def page_element(answer: TextAnswer, dpi: float, page_number: int) -> OcrElement:
    """A page as OCRmyPDF's tree: page, column, paragraph, line, word; without lines that nobody can read, which the
    text lacks as well.
    """
    blocks: dict[int, list[OcrElement]] = {}
    for line in answer.lines:
        if line.legible and line.words:
            blocks.setdefault(line.block, []).append(_line_element(line))
    areas = [_around(OcrClass.CAREA, [_around(OcrClass.PARAGRAPH, lines)]) for lines in blocks.values()]
    page = BoundingBox(left=0, top=0, right=answer.width, bottom=answer.height)
    return OcrElement(
        ocr_class=OcrClass.PAGE,
        bbox=page,
        children=areas,
        dpi=dpi,
        page_number=page_number,
        confidence=answer.confidence,
    )


def _line_element(line: LineAnswer) -> OcrElement:
    box = _box(line.polygon)
    angle = direction_degrees(line.polygon)
    quarter = 90 * round(angle / 90)
    words = [_word_element(word, line) for word in line.words]
    told: dict[str, Any] = {"ocr_class": OcrClass.LINE, "bbox": box, "children": words, "confidence": line.confidence}
    if quarter:
        return OcrElement(**told, textangle=-quarter if abs(angle - quarter) <= LEVEL_DEGREES else -angle)
    (_, _), (_, _), (x1, y1), (x0, y0) = line.polygon[:4]
    slope = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
    return OcrElement(**told, baseline=Baseline(slope=slope, intercept=y0 - box.bottom))


def _word_element(word: WordAnswer, line: LineAnswer) -> OcrElement:
    return OcrElement(
        ocr_class=OcrClass.WORD,
        bbox=_box(word.polygon or line.polygon),
        text=word.text,
        confidence=word.confidence,
    )


def _around(ocr_class: str, children: list[OcrElement]) -> OcrElement:
    boxes = [child.bbox for child in children]
    corners = [corner for box in boxes for corner in ((box.left, box.top), (box.right, box.bottom))]
    return OcrElement(ocr_class=ocr_class, bbox=_box(corners), children=children)


def _box(corners: Iterable[Point]) -> BoundingBox:
    left, top, right, bottom = bounds(corners)
    return BoundingBox(left=left, top=top, right=right, bottom=bottom)


def _read(file: Path, options: Any) -> TextAnswer:  # noqa: ANN401
    with _told_to_ocrmypdf(options):
        return _client(options).read(file, **_asked(options))


def _asked(options: Any) -> dict[str, Any]:  # noqa: ANN401
    own = options.quorum
    given = {"lang": _lang(options), "profile": own.profile, "policy": own.policy, "timeout_s": own.timeout_s}
    return {name: value for name, value in given.items() if value is not None}


def _lang(options: Any) -> str:  # noqa: ANN401
    """The languages that were asked for, as Quorum names them."""
    try:
        return ",".join(parsed([_LANGUAGES.get(str(said), str(said)) for said in options.languages]))
    except OutOfRange as error:
        raise BadArgsError(f"{error.message}: give one of {', '.join(_LANGUAGES)}") from error


def _client(options: Any) -> Client:  # noqa: ANN401
    return _client_of(os.getpid(), options.quorum.url, options.quorum.timeout_s)


@cache
def _client_of(_process: int, url: str, timeout_s: float) -> Client:
    """One for each process: OCRmyPDF's workers are forks, and connections are not shared between processes."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each page, in the middle of a progress bar
    return Client(url, timeout_s=timeout_s, api_key=os.environ.get("QUORUM_API_KEY"))


@contextmanager
def _told_to_ocrmypdf(options: Any) -> Iterator[None]:  # noqa: ANN401
    """Errors of the service as one that OCRmyPDF shows with its message and ends with its exit code."""
    try:
        yield
    except QuorumError as error:
        raise ReadingFailed(
            f"Quorum at {options.quorum.url}: {error}. Start it with `quorum up`, name another with --quorum-url, "
            "or go on without it: --ocr-engine tesseract"
        ) from error


def _dpi(file: Path) -> float:
    with Image.open(file) as image:
        told = image.info.get("dpi", (_USUAL_DPI, _USUAL_DPI))
    return float(told[0]) or _USUAL_DPI
