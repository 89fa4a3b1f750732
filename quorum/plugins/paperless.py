"""Quorum as a parser of paperless-ngx: `pip install 'quorum-ocr[paperless]'` where paperless-ngx is, and `QUORUM_URL`.

paperless-ngx finds the class by its entry point (group `paperless_ngx.parsers`) and asks it for text, a PDF with text
and a thumbnail of each document. Nothing of paperless-ngx is imported. What its version 3.0.5 asks of a parser was read
in its public source; docs/integrations/paperless-ngx.md says how it was tried.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from contextlib import suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pypdfium2
from PIL import Image, ImageOps

from ocr.errors import InvalidRequest, QuorumError
from ocr.job_contract import JobAnswer
from quorum.client import Client
from quorum.client.jobs import Job

log = logging.getLogger("quorum.paperless")

URL_VARIABLE, KEY_VARIABLE = "QUORUM_URL", "QUORUM_API_KEY"

_PDF = "application/pdf"
_ENDINGS = {
    _PDF: ".pdf",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/tiff": ".tiff",
    "image/bmp": ".bmp",
    "image/webp": ".webp",
}
# The built-in parser for pictures and PDFs has 10, that for a remote service 20; of equals a plugin is taken.
_SCORE = 20
_THUMBNAIL_WIDTH, _THUMBNAIL_HEIGHT = 500, 5000
_PDF_NAMESPACE = "http://ns.adobe.com/pdf/1.3/"


class QuorumParser:
    """A parser of one document, used as a context: its files are deleted at the end."""

    name = "Quorum"
    version = version("quorum-ocr")
    author = "The Quorum contributors"
    url = "docs/integrations/paperless-ngx.md of quorum-ocr"

    @classmethod
    def supported_mime_types(cls) -> dict[str, str]:
        """Media types and the endings of their files."""
        return _ENDINGS

    @classmethod
    def score(cls, mime_type: str, filename: str, path: Path | None = None) -> int | None:
        """How much it wants a file; None where no service is configured, so that others read it."""
        return _SCORE if mime_type in _ENDINGS and os.environ.get(URL_VARIABLE) else None

    def __init__(self, logging_group: object = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="quorum-paperless-"))
        self._text = ""
        self._archive: Path | None = None

    @property
    def can_produce_archive(self) -> bool:
        """It makes PDFs with text."""
        return True

    @property
    def requires_pdf_rendition(self) -> bool:
        """Browsers show all that it takes, or the PDF that it makes of it."""
        return False

    def configure(self, context: object) -> None:
        """Nothing of what paperless-ngx tells of a document's origin matters here."""

    def parse(self, document_path: Path, mime_type: str, *, produce_archive: bool = True) -> None:
        """Have a document read. Raises QuorumError, which paperless-ngx shows as the reason."""
        url = os.environ.get(URL_VARIABLE)
        if not url:
            raise InvalidRequest("no service is configured", f"set {URL_VARIABLE} for paperless-ngx")
        formats = ["text", "pdf"] if produce_archive else ["text"]
        with Client(url, api_key=os.environ.get(KEY_VARIABLE)) as client:
            job = client.submit(document_path, formats=formats)
            try:
                self._take(job, formats)
            finally:
                with suppress(QuorumError):  # it is deleted when its time is over
                    job.cancel()

    def _take(self, job: Job, formats: list[str]) -> None:
        state = job.wait()
        if state.state not in ("succeeded", "partly"):
            raise _not_read(state)
        for failure in state.errors:
            log.warning("page %d could not be read: %s", failure.page, failure.error.message)
        self._text = job.fetch("text").decode().replace("\f", "\n").strip()
        if "pdf" in formats:
            self._archive = self._folder / "archive.pdf"
            self._archive.write_bytes(job.fetch("pdf"))

    def get_text(self) -> str:
        """The text of the document that was parsed."""
        return self._text

    def get_date(self) -> datetime | None:
        """Paperless-ngx looks for dates in the text by itself."""
        return None

    def get_archive_path(self) -> Path | None:
        """Where the PDF with text is, if one was made."""
        return self._archive

    def get_thumbnail(self, document_path: Path, mime_type: str) -> Path:
        """A WebP picture of the first page."""
        path = self._folder / "thumbnail.webp"
        if mime_type == _PDF:
            with pypdfium2.PdfDocument(document_path) as pdf:
                page = pdf[0]
                _save_thumbnail(page.render(scale=_THUMBNAIL_WIDTH / page.get_width()).to_pil(), path)
        else:
            with Image.open(document_path) as image:
                _save_thumbnail(ImageOps.exif_transpose(image), path)
        return path

    def get_page_count(self, document_path: Path, mime_type: str) -> int | None:
        """Of a PDF; None for pictures, as the parsers of paperless-ngx have it."""
        if mime_type != _PDF:
            return None
        with pypdfium2.PdfDocument(document_path) as pdf:
            return len(pdf)

    def extract_metadata(self, document_path: Path, mime_type: str) -> list[dict[str, str]]:
        """What a PDF says of itself; nothing where it cannot be opened."""
        if mime_type != _PDF:
            return []
        try:
            with pypdfium2.PdfDocument(document_path) as pdf:
                told: dict[str, Any] = pdf.get_metadata_dict(skip_empty=True)
        except pypdfium2.PdfiumError:
            log.warning("the metadata of %s cannot be read", document_path)
            return []
        return [
            {"namespace": _PDF_NAMESPACE, "prefix": "pdf", "key": key, "value": str(value)}
            for key, value in told.items()
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _not_read(state: JobAnswer) -> QuorumError:
    problems = [file.error for file in state.files if file.error] + [failure.error for failure in state.errors]
    why = "; ".join(problem.message for problem in problems) or f"the job is {state.state}"
    return InvalidRequest(f"nothing of the document could be read: {why}", "look at the document, or send it again")


def _save_thumbnail(image: Image.Image, path: Path) -> None:
    image.thumbnail((_THUMBNAIL_WIDTH, _THUMBNAIL_HEIGHT))
    image.convert("RGB").save(path, "WEBP")
