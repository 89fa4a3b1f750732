"""PAGE XML 2019-07-15 (https://github.com/PRImA-Research-Lab/PAGE-XML). A file of it holds one page, so a document
becomes a ZIP archive with a file per page. Places are whole pixels. A word that a person changed has two texts: the one
with index 0 is what the person said, the one with index 1 what was read.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping, Sequence

from deployments.gateway.formats.output_format import (
    XML_HEAD,
    ZIP,
    DocumentHead,
    OutputFile,
    OutputFormat,
    OutputPage,
    PageByPage,
    archive_of,
    box_around,
    reviewers_of,
    xml_of,
    xml_safe,
)
from ocr.contract import DocumentAnswer, LineAnswer, TextAnswer, WordAnswer
from ocr.text.languages import LANGUAGES

_ILLEGIBLE = {"custom": "structure {type:illegible;}"}
_NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"


def write(answer: TextAnswer | DocumentAnswer, pages: Sequence[OutputPage]) -> OutputFile:
    if isinstance(answer, TextAnswer):
        return OutputFile(_page_file(pages[0]), FORMAT.media_type)
    return _BY_PAGE.whole(answer, pages)


def _parts(_: DocumentHead, pages: Iterable[OutputPage]) -> Iterator[bytes]:
    return archive_of((page.number, _page_file(page)) for page in pages)


def _page_file(page: OutputPage) -> bytes:
    answer = page.answer
    root = ET.Element("PcGts", xmlns=_NAMESPACE, pcGtsId=f"pc-page-{page.number:04}")
    metadata = ET.SubElement(root, "Metadata")
    ET.SubElement(metadata, "Creator").text = "Quorum"
    changed = max([answer.timestamp, *(correction.at for correction in page.corrections)])
    for name, moment in (("Created", answer.timestamp), ("LastChange", changed)):
        ET.SubElement(metadata, name).text = moment.isoformat(timespec="seconds")
    for who, last in reviewers_of([page]).items():
        facts = {"type": "processingStep", "name": "review", "value": xml_safe(who)}
        ET.SubElement(metadata, "MetadataItem", {**facts, "date": last.isoformat(timespec="seconds")})
    size = {"imageWidth": str(answer.width), "imageHeight": str(answer.height)}
    page_element = ET.SubElement(root, "Page", {"imageFilename": xml_safe(page.image_name), **size})
    blocks = list(page.blocks())
    if blocks:
        order = ET.SubElement(ET.SubElement(page_element, "ReadingOrder"), "OrderedGroup", id="reading_order")
    for index, lines in blocks:
        ET.SubElement(order, "RegionRefIndexed", index=str(index - 1), regionRef=f"r{index}")
        _region(page_element, page, lines, f"r{index}")
    return XML_HEAD + xml_of(root)


def _region(page_element: ET.Element, page: OutputPage, lines: list[LineAnswer], name: str) -> None:
    region = ET.SubElement(page_element, "TextRegion", id=name)
    left, top, right, bottom = box_around([page.box_of(line.polygon) for line in lines])
    ET.SubElement(region, "Coords", points=f"{left},{top} {right},{top} {right},{bottom} {left},{bottom}")
    for number, line in enumerate(lines, 1):
        _line(region, page, line, f"{name}_l{number}")
    _text(region, "\n".join(line.text for line in lines if page.words_of(line)))


def _line(region: ET.Element, page: OutputPage, line: LineAnswer, name: str) -> None:
    facts = {"id": name, **({} if line.legible else _ILLEGIBLE), **_language(line)}
    element = ET.SubElement(region, "TextLine", facts)
    ET.SubElement(element, "Coords", points=page.points(line.polygon))
    ET.SubElement(element, "Baseline", points=page.points(page.baseline_of(line)))
    words = page.words_of(line)
    for index, word in enumerate(words, 1):
        part = ET.SubElement(element, "Word", id=f"{name}_w{index}")
        ET.SubElement(part, "Coords", points=page.points(word.polygon or line.polygon))
        _word_texts(part, word)
    _text(element, line.text if words else "", line.confidence)


def _language(line: LineAnswer) -> dict[str, str]:
    """By the name that the schema has for it, and how it runs."""
    language = LANGUAGES.get(line.language or "")
    if language is None:
        return {}
    return {
        "primaryLanguage": language.name,
        "readingDirection": "right-to-left" if language.right_to_left else "left-to-right",
    }


def _word_texts(part: ET.Element, word: WordAnswer) -> None:
    correction = word.correction
    if correction is None:
        _text(part, word.text, word.confidence)
        return
    comments = {"comments": xml_safe(f"{correction.kind} by {correction.who}")}
    _text(part, word.text, word.confidence, {"index": "0", **comments})
    if correction.is_change:
        _text(part, correction.was, None, {"index": "1", "comments": "as it was read"})


def _text(
    element: ET.Element, text: str, confidence: float | None = None, facts: Mapping[str, str] | None = None
) -> None:
    known = {**(facts or {}), **({} if confidence is None else {"conf": f"{confidence:.4f}"})}
    ET.SubElement(ET.SubElement(element, "TextEquiv", known), "Unicode").text = xml_safe(text)


_BY_PAGE = PageByPage(ZIP, _parts)
FORMAT = OutputFormat("page", "application/vnd.prima.page+xml", write, ("application/page+xml",), by_page=_BY_PAGE)
