"""JSON: the answer of the contract as it is, and the same of a document of any length, written a page at a time."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from pydantic_core import to_json

from deployments.gateway.formats.document_totals import PAGES_APART, DocumentTotals
from deployments.gateway.formats.output_format import OutputFile, OutputFormat, OutputPage
from ocr.contract import DocumentAnswer, FailedPage, PageAnswer, TextAnswer

_PIECE_BYTES = 65_536


def write(answer: TextAnswer | DocumentAnswer, _: Sequence[OutputPage]) -> OutputFile:
    return OutputFile(answer.model_dump_json().encode(), FORMAT.media_type)


def parts(
    pages: Iterable[PageAnswer | FailedPage], whole: Callable[[DocumentTotals], DocumentAnswer]
) -> Iterator[bytes]:
    """The answer to a document, of whose pages one is in memory at a time. They come first; behind them what is told of
    all of them, as `whole` has it without pages and texts.
    """
    totals, text, of_engines = DocumentTotals(), _JoinedText(), dict[str, _JoinedText]()
    between = b'{"pages":['
    for page in pages:
        totals.add(page)
        yield between + page.model_dump_json().encode()
        between = b","
        if isinstance(page, PageAnswer):
            text.add(page.text)
            for name, prediction in page.engine_predictions.items():
                of_engines.setdefault(name, _JoinedText()).add(prediction.text)
    yield (b"" if totals.asked else between) + b"],"
    answer = whole(totals)
    yield answer.model_dump_json(exclude={"pages", "text", "engine_predictions"}).encode()[1:-1]
    yield b',"text":'
    yield from text.as_json()
    yield b',"engine_predictions":{'
    for index, (name, prediction) in enumerate(answer.engine_predictions.items()):
        yield (b"," if index else b"") + to_json(name) + b":"
        yield prediction.model_dump_json(exclude={"text"}).encode()[:-1] + b',"text":'
        yield from of_engines[name].as_json()
        yield b"}"
    yield b"}}"


class _JoinedText:
    """The texts of pages as one string of JSON. They wait packed: a long book has one of each page and each engine."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(level=1)
        self._packed = bytearray()
        self._has_pages = False

    def add(self, text: str) -> None:
        self._packed += self._packer.compress(to_json(PAGES_APART + text if self._has_pages else text)[1:-1])
        self._has_pages = True

    def as_json(self) -> Iterator[bytes]:
        """The string, in pieces. Once."""
        unpacker = zlib.decompressobj()
        left = bytes(self._packed) + self._packer.flush()
        yield b'"'
        while piece := unpacker.decompress(left, _PIECE_BYTES):
            yield piece
            left = unpacker.unconsumed_tail
        yield b'"'


FORMAT = OutputFormat("json", "application/json", write, answer_parts=parts)
