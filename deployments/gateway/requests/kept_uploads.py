"""The files and options of a job out of its request, written to the store piece by piece: never all in memory.

A form with one file field or several, the bytes of one file with options in the query, or JSON with base64. Only JSON
that is compressed is in memory, and held to the size of other requests.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from deployments.gateway.requests.bodies import announced_bytes, content_encoding, read_body, require_fitting
from deployments.gateway.requests.form_parts import FormParts
from deployments.gateway.requests.json_uploads import FileFields, JsonUpload
from deployments.gateway.requests.uploads import merged, query_of
from deployments.jobs.job import JobFile
from deployments.jobs.job_files import FileWriter, JobFiles
from ocr.errors import InvalidRequest, TooLarge, UnsupportedFormat

FILE_FIELDS = frozenset({"file", "files", "image", "images"})

_URL_ENCODED = b"application/x-www-form-urlencoded"
_URL_ENCODED_FIELDS = tuple(f"{name}=".encode() for name in FILE_FIELDS)
_MOST_FIELDS = 64
_MOST_FIELD_BYTES = 100_000
# Of white space before JSON that does not say that it is some.
_MOST_BLANKS = 100_000
_LONGEST_NAME = 255
_JSON_FIELDS = FileFields()


@dataclass(frozen=True, slots=True)
class KeptUpload:
    """What came: the files, which are kept, and the options as they were sent. `digest` is of the files' bytes."""

    files: tuple[JobFile, ...]
    fields: Mapping[str, Any]
    digest: str


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Bytes of all files together, bytes of a body that is in memory, files."""

    max_bytes: int
    max_memory_bytes: int
    max_files: int


class _Files:
    """The files of one upload, written one after another into a folder."""

    def __init__(self, files: JobFiles, folder: str, limits: UploadLimits) -> None:
        self._files = files
        self._folder = folder
        self._limits = limits
        self._left = limits.max_bytes
        self._digest = hashlib.sha256()
        self._open: AsyncExitStack | None = None
        self._writer: FileWriter | None = None
        self._name = ""
        self.max_files = limits.max_files
        self.kept: list[JobFile] = []

    async def begin(self, name: str) -> None:
        if len(self.kept) >= self.max_files:
            raise TooLarge(f"the job has more than {self.max_files} files", "submit several jobs")
        self._open = AsyncExitStack()
        self._writer = await self._open.enter_async_context(self._files.writing(f"{self._folder}/{len(self.kept)}"))
        self._name = name[:_LONGEST_NAME]

    async def add(self, content: bytes) -> None:
        assert self._writer is not None
        self._left -= len(content)
        if self._left < 0:
            raise TooLarge(
                f"the files have more than {self._limits.max_bytes} bytes (limits.max_job_mb)",
                "submit several jobs, or cut the document into parts",
            )
        self._digest.update(content)
        await self._writer.write(content)

    async def end(self) -> None:
        assert self._writer is not None
        assert self._open is not None
        size = self._writer.size
        if not size:
            raise InvalidRequest(f"file {len(self.kept)} is empty", "send the bytes of an image or a PDF")
        await self._open.aclose()
        self._open = None
        self._digest.update(b"\0" + size.to_bytes(8))
        self.kept.append(JobFile(name=self._name, path=str(len(self.kept)), size=size))

    async def abandon(self, error: BaseException) -> None:
        """What is half written goes."""
        if self._open is not None:
            await self._open.__aexit__(type(error), error, error.__traceback__)

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


async def receive_upload(
    request: Request, files: JobFiles, folder: str, limits: UploadLimits, json_fields: FileFields = _JSON_FIELDS
) -> KeptUpload:
    """Keep what a request brings below `folder`. Whatever goes wrong, the caller deletes the folder. Raises
    InvalidRequest, TooLarge, UnsupportedFormat, and NotReady while the storage does not answer.
    """
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    kept = _Files(files, folder, limits)
    try:
        if kind == b"application/json":
            fields: Mapping[str, Any] = await _keep_json(await _json_pieces(request, limits), kept, json_fields)
        elif content_encoding(request) is not None:
            raise UnsupportedFormat("the files of a job come as they are", "send them without Content-Encoding")
        elif kind == b"multipart/form-data":
            require_fitting(announced_bytes(request), limits.max_bytes)
            boundary = parameters.get(b"boundary", b"")
            fields = await _keep_form(request, kept, boundary, FormParts(boundary, limits.max_files + _MOST_FIELDS))
        else:
            require_fitting(announced_bytes(request), limits.max_bytes)
            fields = await _keep_body(request, kept, json_fields, is_url_encoded=kind == _URL_ENCODED)
    except ClientDisconnect as error:
        await kept.abandon(error)
        raise InvalidRequest("the body broke off", "send it again") from error
    except BaseException as error:
        await kept.abandon(error)
        raise
    options = merged(fields, query_of(request))
    if not kept.kept:
        raise InvalidRequest("the job has no file", "send the file as form field 'file', or as the body")
    return KeptUpload(tuple(kept.kept), options, kept.digest)


async def _json_pieces(request: Request, limits: UploadLimits) -> AsyncIterator[bytes]:
    """A body of JSON; one that is compressed is decompressed as a whole."""
    if content_encoding(request) is None:
        return request.stream()
    return _only(await read_body(request, limits.max_memory_bytes))


async def _only(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _keep_json(pieces: AsyncIterator[bytes], kept: _Files, fields: FileFields) -> dict[str, Any]:
    upload = JsonUpload(fields, kept.max_files)
    async for piece in pieces:
        # Beside the event loop: a piece is a megabyte.
        for part in await asyncio.to_thread(list, upload.parts(piece)):
            if part.begins:
                await kept.begin("")
            if part.content:
                await kept.add(part.content)
            if part.ends:
                await kept.end()
    return upload.finish(len(kept.kept))


async def _keep_body(
    request: Request, kept: _Files, json_fields: FileFields, *, is_url_encoded: bool
) -> dict[str, Any]:
    """The file itself; JSON that does not say so is JSON."""
    pieces = request.stream()
    first = bytearray()
    async for piece in pieces:
        first += piece
        if piece.strip():
            break
        if len(first) > _MOST_BLANKS:
            raise TooLarge(
                f"the body begins with more than {_MOST_BLANKS} blanks", "send the file, or JSON without them"
            )
    if first.lstrip().startswith(b"{"):
        return await _keep_json(_behind(bytes(first), pieces), kept, json_fields)
    if is_url_encoded and first.startswith(_URL_ENCODED_FIELDS):
        raise InvalidRequest("the form is URL-encoded", "send it as multipart/form-data (curl -F), or the file alone")
    if first:
        await kept.begin("")
        await kept.add(bytes(first))
        async for piece in pieces:
            await kept.add(piece)
        await kept.end()
    return {}


async def _behind(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece


@dataclass(slots=True)
class _Part:
    """One part of a form: its headers, and whether it is a file."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    file_name: str | None = None
    value: bytearray = field(default_factory=bytearray)

    def read_headers(self) -> None:
        _, options = parse_options_header(self.headers.get(b"content-disposition", b""))
        self.name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" in options:
            self.file_name = options[b"filename"].decode("utf-8", "replace")


async def _keep_form(request: Request, kept: _Files, boundary: bytes, parts: FormParts) -> dict[str, str]:
    """Files go to the store, fields come back. Raises InvalidRequest and TooLarge."""
    if not boundary:
        raise InvalidRequest("the form has no boundary", "let the client set Content-Type")
    fields: dict[str, str] = {}
    part = _Part()
    try:
        async for event, content in _FormEvents(boundary, parts).of(request):
            if event == "head":
                part = content
                part.read_headers()
                if part.file_name is not None:
                    _require_file_field(part.name)
                    await kept.begin(part.file_name)
            elif event == "data" and part.file_name is not None:
                await kept.add(content)
            elif event == "data":
                part.value += content
                if len(part.value) > _MOST_FIELD_BYTES:
                    message = f"field '{part.name[:40]}' has more than {_MOST_FIELD_BYTES} bytes"
                    raise TooLarge(message, "send files as files")
            elif event == "end" and part.file_name is not None:
                await kept.end()
            elif event == "end":
                _note_field(fields, part)
    except (FormParserError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the form is malformed: {error}", "send the files as form fields 'file'") from error
    return fields


def _require_file_field(name: str) -> None:
    if name not in FILE_FIELDS:
        raise InvalidRequest(f"unknown file field '{name[:40]}'", f"the fields are {', '.join(sorted(FILE_FIELDS))}")


def _note_field(fields: dict[str, str], part: _Part) -> None:
    if part.name in fields:
        raise InvalidRequest(f"option '{part.name[:40]}' is given twice", "give it once; lists are written a,b")
    if len(fields) >= _MOST_FIELDS:
        raise TooLarge(f"the form has more than {_MOST_FIELDS} fields", "leave out what is no option")
    fields[part.name] = part.value.decode()


class _FormEvents:
    """What a form brings, in order: ("head", part), ("data", bytes), ("end", None)."""

    def __init__(self, boundary: bytes, parts: FormParts) -> None:
        self._parts = parts
        self._found: list[tuple[str, Any]] = []
        self._part = _Part()
        self._name = bytearray()
        self._value = bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": lambda: self._found.append(("head", self._part)),
                "on_part_data": lambda data, start, end: self._found.append(("data", data[start:end])),
                "on_part_end": lambda: self._found.append(("end", None)),
            },
        )

    async def of(self, request: Request) -> AsyncIterator[tuple[str, Any]]:
        """The events of a request, each when its bytes are here."""
        async for piece in request.stream():
            self._parts.count(piece)
            self._parser.write(piece)
            for event in self._found:
                yield event
            self._found.clear()
        self._parser.finalize()

    def _begin(self) -> None:
        self._part = _Part()

    def _end_header(self) -> None:
        self._part.headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()
