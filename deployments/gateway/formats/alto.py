"""ALTO 4.4 (https://www.loc.gov/standards/alto/): all pages in one file, places in pixels, WC a word's confidence,
LANG a line's language. A word that a person looked at refers to the step of processing that was this person's
(PROCESSINGREFS), and one that was changed has CS (correction status).

Readers that expect a file to be a page get `format=alto.zip`, which has a file for each.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from deployments.gateway.formats.output_format import (
    XML_HEAD,
    DocumentHead,
    OutputFormat,
    OutputPage,
    PageByPage,
    Points,
    box_around,
    xml_of,
    xml_safe,
)
from ocr.contract import DocumentAnswer, LineAnswer, TextAnswer, WordAnswer

_NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_ILLEGIBLE = "illegible"


def _parts(document: DocumentHead, pages: Iterable[OutputPage]) -> Iterator[bytes]:
    description = _description(document.answer, document.name)
    steps = _review_steps(description, document.reviewers)
    # Also where no line has it: the head comes before the pages.
    tags = ET.Element("Tags")
    ET.SubElement(tags, "OtherTag", ID=_ILLEGIBLE, LABEL=_ILLEGIBLE)
    yield XML_HEAD + f'<alto xmlns="{_NAMESPACE}" SCHEMAVERSION="4.4">'.encode()
    yield xml_of(description) + xml_of(tags) + b"<Layout>"
    for page in pages:
        yield xml_of(_page(page, steps))
    yield b"</Layout></alto>"


def _description(answer: TextAnswer | DocumentAnswer, name: str) -> ET.Element:
    description = ET.Element("Description")
    ET.SubElement(description, "MeasurementUnit").text = "pixel"
    image = ET.SubElement(description, "sourceImageInformation")
    ET.SubElement(image, "fileName").text = xml_safe(name)
    processing = ET.SubElement(description, "Processing", ID="ocr")
    ET.SubElement(processing, "processingCategory").text = "contentGeneration"
    ET.SubElement(processing, "processingDateTime").text = answer.timestamp.isoformat(timespec="seconds")
    settings = f"method {answer.method}, profile {answer.profile}"
    ET.SubElement(processing, "processingStepSettings").text = xml_safe(settings)
    software = ET.SubElement(processing, "processingSoftware")
    ET.SubElement(software, "softwareName").text = "Quorum"
    return description


def _review_steps(description: ET.Element, reviewers: Mapping[str, datetime]) -> dict[str, str]:
    """A step of processing for each person who looked at words; the ID of each by the person's name."""
    steps: dict[str, str] = {}
    for number, (who, last) in enumerate(reviewers.items(), 1):
        steps[who] = f"review{number}"
        step = ET.SubElement(description, "Processing", ID=steps[who])
        ET.SubElement(step, "processingCategory").text = "contentModification"
        ET.SubElement(step, "processingDateTime").text = last.isoformat(timespec="seconds")
        ET.SubElement(step, "processingAgency").text = xml_safe(who)
        ET.SubElement(step, "processingStepDescription").text = "review of words by a person"
    return steps


def _page(page: OutputPage, steps: Mapping[str, str]) -> ET.Element:
    answer = page.answer
    size = {"WIDTH": str(answer.width), "HEIGHT": str(answer.height)}
    facts = {"ID": f"page{page.number}", "PHYSICAL_IMG_NR": str(page.number), "PC": f"{answer.confidence:.4f}"}
    page_element = ET.Element("Page", {**facts, **size, "PROCESSINGREFS": "ocr"})
    space = ET.SubElement(page_element, "PrintSpace", {"HPOS": "0", "VPOS": "0", **size})
    for index, lines in page.blocks():
        name = f"page{page.number}_block{index}"
        box = box_around([page.box_of(line.polygon) for line in lines])
        block = ET.SubElement(space, "TextBlock", {"ID": name, **_box(box)})
        for number, line in enumerate(lines, 1):
            _line(block, page, line, f"{name}_line{number}", steps)
    return page_element


def _line(block: ET.Element, page: OutputPage, line: LineAnswer, name: str, steps: Mapping[str, str]) -> None:
    facts = {"ID": name, **_box(page.box_of(line.polygon)), "BASELINE": page.points(page.baseline_of(line))}
    facts |= {"LANG": line.language} if line.language else {}
    element = ET.SubElement(block, "TextLine", facts if line.legible else {**facts, "TAGREFS": _ILLEGIBLE})
    _shape(element, page, line.polygon)
    words = page.words_of(line)
    if not words:  # a line of ALTO has a string at least
        ET.SubElement(element, "String", {"ID": f"{name}_word1", "CONTENT": "", **_box(page.box_of(line.polygon))})
    for index, word in enumerate(words, 1):
        if index > 1:
            ET.SubElement(element, "SP")
        string = _word(element, page, word, line.polygon, f"{name}_word{index}")
        if word.correction is not None:
            string.set("PROCESSINGREFS", steps[word.correction.who])
            if word.correction.is_change:
                string.set("CS", "true")


def _word(line: ET.Element, page: OutputPage, word: WordAnswer, where: Points, name: str) -> ET.Element:
    facts = {"ID": name, "CONTENT": xml_safe(word.text), "WC": f"{word.confidence:.4f}"}
    element = ET.SubElement(line, "String", {**facts, **_box(page.box_of(word.polygon or where))})
    if word.polygon:
        _shape(element, page, word.polygon)
    return element


def _shape(element: ET.Element, page: OutputPage, polygon: Points) -> None:
    ET.SubElement(ET.SubElement(element, "Shape"), "Polygon", POINTS=page.points(polygon))


def _box(box: tuple[int, int, int, int]) -> dict[str, str]:
    left, top, right, bottom = box
    return {"HPOS": str(left), "VPOS": str(top), "WIDTH": str(right - left), "HEIGHT": str(bottom - top)}


_BY_PAGE = PageByPage("application/alto+xml", _parts)
FORMAT = OutputFormat("alto", "application/alto+xml", _BY_PAGE.whole, ("application/vnd.alto+xml",), by_page=_BY_PAGE)
