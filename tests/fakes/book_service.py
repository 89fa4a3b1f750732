"""A service that reads documents page by page and takes only so many pages at once."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx

from deployments.gateway.formats import OutputPage, format_named
from ocr.contract import DocumentAnswer, PageAnswer
from ocr.errors import OutOfRange, TooManyPages
from tests.fakes.answers import box, line, page_of
from tests.fakes.service import document_answer, refusal, text_answer


@dataclass
class BookService:
    """Reads a document of `pages` pages, of which `max_pages` may be asked for at once; page N says "page N"."""

    pages: int
    max_pages: int
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        chosen: set[int] = set()
        for part in request.url.params.get("pages", "1-").split(","):
            first, dash, last = part.partition("-")
            chosen |= set(range(int(first), (int(last or self.pages) if dash else int(first)) + 1))
        if not chosen <= set(range(1, self.pages + 1)):
            return refusal(OutOfRange(f"the document has the pages 1 to {self.pages}", "ask for some of them"))
        if len(chosen) > self.max_pages:
            return refusal(TooManyPages("too many pages", "read it in parts", self.max_pages))
        form = request.url.params.get("format", "json")
        if form != "json":
            return httpx.Response(200, content=self._file(form, sorted(chosen), request.content))
        answers = [PageAnswer(page=number, **dict(text_answer(f"page {number}"))) for number in sorted(chosen)]
        told = {name: value for name, value in answers[0] if name in DocumentAnswer.model_fields}
        update = {"text": "\n\n".join(page.text for page in answers), "pages": answers, "page_count": self.pages}
        return httpx.Response(
            200, content=DocumentAnswer(**{**told, **update}, succeeded=len(answers)).model_dump_json()
        )

    def _file(self, form: str, chosen: list[int], sent: bytes) -> bytes:
        """As the service writes it down; a searchable PDF is what was sent and what was read."""
        read = (page_of(line([("page", None), (str(number), None)], box(0, 0, 9, 9))) for number in chosen)
        pages = [OutputPage(number, answer) for number, answer in zip(chosen, read, strict=True)]
        if form == "pdf":
            return sent + b"".join(b"+%d" % number for number in chosen)
        return format_named(form).write(document_answer("nothing"), pages).content
