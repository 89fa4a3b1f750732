"""A document that is too long for one request, read in parts: which pages come next, and the answers put together.

How many pages a request may have read is the service's to say; it says so when it refuses more. Pure.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ocr.contract import DocumentAnswer, PageAnswer, TextPrediction
from ocr.errors import InvalidRequest, TooManyPages
from ocr.file_kinds import pdf_start
from quorum.client.calls import ALL_PAGES, Call, DocumentKeywords, WrittenFile, file_call

_ENDLESS = 10**6 - 1  # as many as the contract can write
_BANDS = ("low", "medium", "high")
_FAILED = ("timeout", "error", "shed", "unavailable")


@dataclass(frozen=True, slots=True)
class PageChoice:
    """Pages by number, as ranges (first, last) in ascending order that do not touch; the last may be open."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, pages: str) -> PageChoice:
        """From what the option `pages` says. Raises InvalidRequest for what has not the form of the contract."""
        found: list[tuple[int, int]] = []
        try:
            ranges = sorted(map(_range, pages.split(",")))
        except ValueError as error:
            raise InvalidRequest(
                f"pages={pages!r} names no pages", 'give numbers and ranges, as in "1-3,7,9-"'
            ) from error
        for first, last in ranges:
            if found and first <= found[-1][1] + 1:
                found[-1] = found[-1][0], max(last, found[-1][1])
            else:
                found.append((first, last))
        return cls(tuple(found))

    def split(self, count: int) -> tuple[PageChoice, PageChoice]:
        """The first `count` of the pages, and the others."""
        head: list[tuple[int, int]] = []
        tail: list[tuple[int, int]] = []
        for first, last in self.ranges:
            end = min(last, first + count - 1)
            if end >= first:
                head.append((first, end))
                count -= end - first + 1
            if end < last:
                tail.append((max(first, end + 1), last))
        return PageChoice(tuple(head)), PageChoice(tuple(tail))

    def __str__(self) -> str:
        return ",".join(
            f"{first}-" if last >= _ENDLESS else str(first) if first == last else f"{first}-{last}"
            for first, last in self.ranges
        )


def _range(part: str) -> tuple[int, int]:
    first, dash, last = part.partition("-")
    numbers = int(first), int(last) if last else _ENDLESS if dash else int(first)
    if numbers[1] < numbers[0]:
        raise ValueError(part)
    return numbers


def joined(parts: Sequence[DocumentAnswer]) -> DocumentAnswer:
    """One answer of those to the parts of a document, in order. Its confidence is the mean over all characters; it is
    accepted where each part is, has the lowest of their bands, and is for a person to look at where one part is.
    """
    if len(parts) == 1:
        return parts[0]
    read = [page for part in parts for page in part.pages if isinstance(page, PageAnswer)]
    letters = [sum(len(page.characters) for page in part.pages if isinstance(page, PageAnswer)) for part in parts]
    names = list(dict.fromkeys(name for part in parts for name in part.engine_predictions))
    return parts[0].model_copy(
        update={
            "text": "\n\n".join(page.text for page in read),
            "pages": [page for part in parts for page in part.pages],
            "succeeded": len(read),
            "confidence": _mean([part.confidence for part in parts], letters),
            "accepted": all(part.accepted for part in parts),
            "needs_review": any(part.needs_review for part in parts),
            "band": min((part.band for part in parts), key=_BANDS.index),
            "degraded": any(part.degraded for part in parts),
            "doubted_words": sum(part.doubted_words for part in parts),
            "illegible_lines": sum(part.illegible_lines for part in parts),
            "processing_time_ms": sum(part.processing_time_ms for part in parts),
            "engine_predictions": {name: _prediction(name, parts) for name in names},
        }
    )


def _prediction(name: str, parts: Sequence[DocumentAnswer]) -> TextPrediction:
    said = [part.engine_predictions[name] for part in parts if name in part.engine_predictions]
    worst = next((one for one in said if one.status in _FAILED), None)
    spoken = worst or next((one for one in said if one.text), said[0])
    return spoken.model_copy(
        update={
            "text": "\n\n".join(one.text for one in said if one.text),
            "confidence": _mean([one.confidence for one in said], [len(one.text) for one in said]),
            "latency_ms": sum(one.latency_ms for one in said),
        }
    )


def _mean(values: Sequence[float], counts: Sequence[int]) -> float:
    total = sum(counts)
    return sum(value * count for value, count in zip(values, counts, strict=True)) / total if total else 0.0


class FileInParts:
    """A document that the service writes down in `form`, and what is written of it so far.

    A searchable PDF keeps all pages of the PDF that it is made of, so the PDF of one part is what the next part is
    asked of. Files of other formats are put together.
    """

    def __init__(self, document: bytes, file_name: str, form: str, options: DocumentKeywords) -> None:
        self._document = document
        self._file_name = file_name
        self._form = form
        self._options = options
        self._left: PageChoice | None = None
        self._written: list[bytes] = []

    def next_call(self) -> Call[WrittenFile]:
        """The question about all pages that are left."""
        return self._call(self._left)

    def split(self, refusal: TooManyPages) -> Call[WrittenFile]:
        """The question about as many of them as one request may have. Raises `refusal` for a TIFF that is to be a PDF:
        the PDFs of its parts would be several files.
        """
        if self._form == "pdf" and pdf_start(self._document) is None:
            raise refusal
        left = self._left or PageChoice.of(self._options.get("pages", ALL_PAGES))
        part, self._left = left.split(refusal.max_pages)
        return self._call(part)

    def add(self, content: bytes) -> None:
        """What the service wrote about a part."""
        if self._form == "pdf":
            self._document = content
        else:
            self._written.append(content)

    def whole(self, content: bytes) -> bytes:
        """The whole file, of which `content` is the last part."""
        return joined_files(self._form, [*self._written, content])

    def _call(self, pages: PageChoice | None) -> Call[WrittenFile]:
        chosen = self._options if pages is None else DocumentKeywords({**self._options, "pages": str(pages)})
        return file_call(self._document, self._file_name, self._form, chosen)


def joined_files(form: str, parts: Sequence[bytes]) -> bytes:
    """One file of those that the service wrote for the parts: text, markdown, hocr, alto, page or an archive. A PDF is
    never joined: the file of one part is what the next one is asked of.
    """
    if len(parts) == 1:
        return parts[0]
    if form == "text":
        return b"\f".join(parts)
    if form == "markdown":
        return b"\n".join(parts)
    if form == "page" or form.endswith(".zip"):
        return _one_archive(parts)
    opening, closing = _INSIDES[form]
    head, _, _ = parts[0].partition(opening)
    _, _, foot = parts[0].rpartition(closing)
    insides = (part.partition(opening)[2].rpartition(closing)[0] for part in parts)
    return b"".join([head, opening, *insides, closing, foot])


_INSIDES: Mapping[str, tuple[bytes, bytes]] = {
    "hocr": (b"<body>", b"</body>"),
    "alto": (b"<Layout>", b"</Layout>"),
}


def _one_archive(parts: Iterable[bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts:
            with zipfile.ZipFile(io.BytesIO(part)) as files:
                for name in files.namelist():
                    archive.writestr(name, files.read(name))
    return made.getvalue()
