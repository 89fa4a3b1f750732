"""Files in object stores, named by a URL that fsspec knows: s3://bucket/scans/1.png, gs://..., memory://...

Whatever goes wrong there is an OSError, as with files of this machine; a store that cannot be used at all is an
InvalidRequest that says what to install.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from ocr.errors import InvalidRequest
from ocr.file_kinds import HEAD_BYTES

_HEADS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, order=True)
class StoredFile(os.PathLike[str]):
    """One file of an object store."""

    url: str

    def __fspath__(self) -> str:
        return self.url

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    def is_file(self) -> bool:
        with _store(self.url) as (store, path):
            return bool(store.isfile(path))

    def read_bytes(self) -> bytes:
        with _store(self.url) as (store, path):
            content: bytes = store.cat_file(path)
            return content

    def write_bytes(self, content: bytes) -> None:
        """The file is there as a whole, or as it was before."""
        with _store(self.url) as (store, path):
            store.pipe_file(path, content)


Source: TypeAlias = Path | StoredFile
"""A file to read: of this machine, or of an object store."""


def is_url(place: str) -> bool:
    return "://" in place


def source_of(place: str) -> Source:
    return StoredFile(place) if is_url(place) else Path(place)


def identity(place: str | os.PathLike[str]) -> str:
    """What is the same for the same file, however its path is written."""
    text = os.fspath(place)
    return text if is_url(text) else os.path.abspath(text)  # noqa: PTH100 - a name may be no UTF-8


class Stored(NamedTuple):
    """A file with its first bytes, or why they cannot be had, and whether it is itself what was named."""

    file: StoredFile
    head: bytes | OSError
    is_named: bool


def stored_at(url: str) -> Iterator[Stored]:
    """The files that a folder (all below it), a pattern or a URL names, in order."""
    with _store(url) as (store, path):
        is_named = bool(store.isfile(path))
        if is_named:
            found = {path: store.info(path)}
        elif store.isdir(path):
            found = store.find(path, detail=True)
        else:
            found = {name: told for name, told in store.glob(path, detail=True).items() if told["type"] == "file"}
        names = sorted(found)
        for start in range(0, len(names), _HEADS_AT_ONCE):
            chosen = names[start : start + _HEADS_AT_ONCE]
            for name, head in zip(chosen, _heads(store, chosen, found), strict=True):
                yield Stored(StoredFile(store.unstrip_protocol(name)), head, is_named)


def _heads(store: Any, names: Sequence[str], found: dict[str, Any]) -> list[bytes | OSError]:  # noqa: ANN401
    """The first bytes of each, asked for side by side."""
    full = [name for name in names if found[name].get("size")]
    ends = [min(HEAD_BYTES, found[name]["size"]) for name in full]
    heads = dict(zip(full, store.cat_ranges(full, [0] * len(full), ends, on_error="return"), strict=True))
    told: list[bytes | OSError] = []
    for name in names:
        head = heads.get(name, b"")
        told.append(OSError(str(head)) if isinstance(head, Exception) else bytes(head))
    return told


@contextmanager
def _store(url: str) -> Iterator[tuple[Any, str]]:
    """The object store of a URL, and the path in it."""
    try:
        import fsspec

        yield fsspec.url_to_fs(url)
    except (OSError, InvalidRequest):
        raise
    except ImportError as error:
        raise InvalidRequest(
            f"{url} cannot be reached: {error}", "pip install 'quorum-ocr[batch,s3]' for s3://, or what fsspec names"
        ) from error
    except ValueError as error:  # a protocol that fsspec does not know
        raise InvalidRequest(f"{url} cannot be reached: {error}", "name a path, or a URL such as s3://...") from error
    except Exception as error:  # each kind of store has errors of its own
        raise OSError(f"{url}: {error or type(error).__name__}") from error
