"""Which files a batch reads: those that are images or documents by their first bytes, and what is left out and why."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ocr.errors import InvalidRequest
from ocr.file_kinds import HEAD_BYTES, kind_of
from quorum.batch.storage import Source, StoredFile, is_url, stored_at

READABLE = frozenset({"PNG", "JPEG", "TIFF", "BMP", "WEBP", "PDF", "AVIF", "JPEG 2000", "HEIC"})
"""What is sent. Some services read no HEIC; such a file is a row that says so."""

_APPLE_DOUBLE = (b"\0\5\x16\7", b"\0\5\x16\0")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder that is not read, and why."""

    path: Source
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """The files to read, each once, in order, and those of the folders and patterns that are left out."""

    files: tuple[Source, ...]
    left_out: tuple[LeftOut, ...]


def find(places: Iterable[str]) -> Found:
    """The files that folders (all below), patterns, paths and URLs name. A file that is named itself is read whatever
    it is, and the service says what is wrong with it.

    Raises InvalidRequest for a place with nothing to read, OSError for a store that does not answer.
    """
    files: dict[str, Source] = {}
    left_out: dict[Source, LeftOut] = {}
    for place in places:
        any_here = False
        for found in _stored_at(place) if is_url(place) else _at(Path(place)):
            if isinstance(found, LeftOut):
                left_out.setdefault(found.path, found)
            else:
                any_here = True
                files.setdefault(found.url if isinstance(found, StoredFile) else os.path.realpath(found), found)
        if not any_here:
            raise InvalidRequest(
                f"nothing to read at {place}", f"give a folder, a pattern or files of {', '.join(sorted(READABLE))}"
            )
    return Found(tuple(files.values()), tuple(left_out.values()))


def _at(place: Path) -> Iterator[Path | LeftOut]:
    if place.is_file():
        yield place
    elif place.is_dir():
        yield from _below(place)
    else:
        for path in sorted(Path(place.anchor).glob(str(place.relative_to(place.anchor)))):
            if path.is_file():
                yield _judged(path)


def _stored_at(url: str) -> Iterator[StoredFile | LeftOut]:
    for file, head, is_named in stored_at(url):
        reason = str(head) if isinstance(head, OSError) else "" if is_named else _why_not(head)
        yield LeftOut(file, reason) if reason else file


def _below(folder: Path) -> Iterator[Path | LeftOut]:
    failed: list[LeftOut] = []

    def note(error: OSError) -> None:
        failed.append(LeftOut(Path(os.fsdecode(error.filename)), error.strerror or "cannot be opened"))

    found: list[Path] = []
    for here, folders, names in os.walk(folder, onerror=note):
        found += (Path(here, name) for name in names)
        links = (Path(here, name) for name in folders if os.path.islink(os.path.join(here, name)))  # noqa: PTH118,PTH114
        failed += (LeftOut(link, "a link to a folder") for link in links)
    yield from map(_judged, sorted(found))
    yield from failed


def _judged(path: Path) -> Path | LeftOut:
    """The path where it is read, else why it is not."""
    try:
        if not path.is_file():
            return LeftOut(path, "not a file")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        return LeftOut(path, error.strerror or "cannot be opened")
    reason = _why_not(head)
    return LeftOut(path, reason) if reason else path


def _why_not(head: bytes) -> str:
    """Why a file with these first bytes is not read, "" where it is."""
    kind = kind_of(head)
    if kind in READABLE:
        return ""
    if not head:
        return "empty"
    if head.startswith(_APPLE_DOUBLE):
        return "what macOS notes about another file"
    return "no image and no PDF" if kind is None else f"{kind} is not read"
