"""hOCR 1.2: HTML whose elements carry places and confidences (http://kba.github.io/hocr-spec/1.2/).

Boxes are upright, in pixels of the page; `x_wconf` is a word's confidence in percent. A line carries its `baseline`;
one that is turned by about a quarter turn or more carries its `textangle` instead, in degrees counter-clockwise. One
that nobody can read has `x_illegible 1` and no words. `lang` is the line's language. `format=hocr.zip` has a file for
each page. A word that a person looked at says in `data-was` how it was read, in `data-by` and `data-at` who and when.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence

from deployments.gateway.formats.output_format import (
    DocumentHead,
    OutputFormat,
    OutputPage,
    PageByPage,
    box_around,
    xml_of,
    xml_safe,
)
from ocr.contract import LineAnswer, WordCorrection
from ocr.page_geometry import direction_degrees
from ocr.text.languages import LANGUAGES

_XHTML = "http://www.w3.org/1999/xhtml"
_DOCTYPE = b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html>\n'
_CAPABILITIES = "ocr_page ocr_carea ocr_par ocr_line ocrx_word ocrp_wconf"
# Readers add the two where both stand, so only lines that are turned by about a quarter turn or more have the angle.
_TURNED_DEGREES = 45.0


def _parts(document: DocumentHead, pages: Iterable[OutputPage]) -> Iterator[bytes]:
    yield _DOCTYPE + f'<html xmlns="{_XHTML}">'.encode() + xml_of(_head(document.languages)) + b"<body>"
    for page in pages:
        yield xml_of(_page(page))
    yield b"</body></html>"


def _head(languages: Sequence[str]) -> ET.Element:
    head = ET.Element("head")
    ET.SubElement(head, "title").text = "Quorum"
    ET.SubElement(head, "meta", {"http-equiv": "Content-Type", "content": "text/html; charset=utf-8"})
    ET.SubElement(head, "meta", name="ocr-system", content="quorum")
    ET.SubElement(head, "meta", name="ocr-capabilities", content=_CAPABILITIES)
    ET.SubElement(head, "meta", name="ocr-langs", content=" ".join(languages) or "unknown")
    return head


def _page(page: OutputPage) -> ET.Element:
    name = xml_safe(page.image_name).replace('"', "%22")
    place = f'image "{name}"; bbox 0 0 {page.answer.width} {page.answer.height}; ppageno {page.number - 1}'
    if page.dpi is not None:
        place += "; scan_res " + " ".join(str(round(dpi)) for dpi in page.dpi)
    page_element = ET.Element("div", {"class": "ocr_page", "id": f"page_{page.number}", "title": place})
    count = 0
    for index, lines in page.blocks():
        box = box_around([page.box_of(line.polygon) for line in lines])
        name = f"block_{page.number}_{index}"
        block = ET.SubElement(page_element, "div", {"class": "ocr_carea", "id": name, "title": _bbox(box)})
        facts = {"class": "ocr_par", "id": f"par_{page.number}_{index}", "title": _bbox(box)}
        paragraph = ET.SubElement(block, "p", facts)  # a p: OCRmyPDF sees no other element
        for line in lines:
            count += 1
            _line(paragraph, page, line, f"{page.number}_{count}")
    return page_element


def _line(block: ET.Element, page: OutputPage, line: LineAnswer, name: str) -> None:
    place = _bbox(page.box_of(line.polygon))
    title = f"{place}; {_direction(page, line)}"
    title = title if line.legible else f"{title}; x_illegible 1"
    facts = {"class": "ocr_line", "id": f"line_{name}", "title": title, **_language(line)}
    element = ET.SubElement(block, "span", facts)
    for index, word in enumerate(page.words_of(line), 1):
        box = _bbox(page.box_of(word.polygon or line.polygon))
        facts = {
            "class": "ocrx_word",
            "id": f"word_{name}_{index}",
            "title": f"{box}; x_wconf {round(word.confidence * 100)}",
        }
        span = ET.SubElement(element, "span", {**facts, **_correction(word.correction)})
        span.text, span.tail = xml_safe(word.text), " "


def _correction(correction: WordCorrection | None) -> dict[str, str]:
    if correction is None:
        return {}
    told = {"data-was": correction.was, "data-by": correction.who, "data-how": correction.kind}
    return {name: xml_safe(value) for name, value in told.items()} | {
        "data-at": correction.at.isoformat(timespec="seconds")
    }


def _language(line: LineAnswer) -> dict[str, str]:
    """HTML's `lang`, and its `dir` where the language runs from right to left."""
    if line.language is None:
        return {}
    language = LANGUAGES.get(line.language)
    runs = {"dir": "rtl"} if language is not None and language.right_to_left else {}
    return {"lang": line.language, **runs}


def _bbox(box: tuple[int, int, int, int]) -> str:
    return "bbox " + " ".join(map(str, box))


def _direction(page: OutputPage, line: LineAnswer) -> str:
    """How the line runs: `baseline SLOPE INTERCEPT` from the lower left corner of its box, or `textangle DEGREES`."""
    angle = -direction_degrees(line.polygon)
    if abs(angle) > _TURNED_DEGREES:
        return f"textangle {angle:.1f}"
    (x0, y0), (x1, y1) = page.baseline_of(line)
    left, _, _, bottom = page.box_of(line.polygon)
    slope = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
    return f"baseline {slope:.3f} {round(y0 + slope * (left - x0) - bottom)}"


_BY_PAGE = PageByPage("text/html; charset=utf-8", _parts)
FORMAT = OutputFormat(
    "hocr",
    "text/html",
    _BY_PAGE.whole,
    ("application/xhtml+xml", "text/vnd.hocr+html"),
    needs_dpi=True,
    by_page=_BY_PAGE,
)
