"""The uploads of jobs and what was read of each page, through fsspec: a folder of this machine, or an object store
(s3://bucket/path, gs://..., with the package that fsspec names).

Each job has a folder of its own, whose name begins with the time at which it was made. A file is written once and never
changed. What goes wrong with the storage is NotReady: the caller asks again.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import tempfile
import time
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from deployments.jobs.job_store import away
from ocr.errors import QuorumError

Result = TypeVar("Result")

_BLOCK_BYTES = 8 * 2**20
_COMPRESSION = 5
_COPIES = 4


def new_folder(now: float) -> str:
    """The name of a folder that there is not yet."""
    return f"{int(now):011x}-{uuid.uuid4().hex}"


def made_at(folder: str) -> float:
    """When a folder of that name was made; now for a name that is none of ours."""
    try:
        return float(int(folder.partition("-")[0], 16))
    except ValueError:
        return time.time()


class JobFiles:
    """Files below `address`. Every method raises NotReady while the storage does not answer."""

    def __init__(self, address: str) -> None:
        import fsspec
        from fsspec.implementations.local import LocalFileSystem

        self._fs, self._root = fsspec.url_to_fs(address)
        self._is_local = isinstance(self._fs, LocalFileSystem)
        self._copies: OrderedDict[str, Path] = OrderedDict()
        self._copy_folder: tempfile.TemporaryDirectory[str] | None = None
        self._copying = asyncio.Lock()

    @asynccontextmanager
    async def writing(self, path: str) -> AsyncIterator[FileWriter]:
        """A file to write, which is there, on the disk, when the context ends. One that is broken off is deleted."""
        writer = FileWriter(await _beside(self._opened, path), is_local=self._is_local)
        try:
            yield writer
            await _beside(writer.finish)
        except BaseException:
            with contextlib.suppress(Exception):
                writer.abandon()
            with contextlib.suppress(Exception):
                await _beside(self._fs.rm_file, self._at(path))
            raise

    async def write(self, path: str, content: bytes) -> int:
        """Write a small file, compressed. Returns how many bytes it takes."""
        packed = await asyncio.to_thread(gzip.compress, content, _COMPRESSION, mtime=0)
        async with self.writing(path) as writer:
            await writer.write(packed)
        return len(packed)

    async def read(self, path: str) -> bytes:
        """What `write` wrote."""
        packed: bytes = await _beside(self._fs.cat_file, self._at(path))
        return await asyncio.to_thread(gzip.decompress, packed)

    async def remove(self, path: str) -> None:
        """Delete a file, or a folder with all that is in it; one that is not there is deleted already."""
        with contextlib.suppress(FileNotFoundError):
            await _beside(self._removed, self._at(path))
        self._copies.pop(path, None)

    async def folders(self) -> list[str]:
        """The names of all folders."""
        try:
            entries = await _beside(self._fs.ls, self._root, False)
        except FileNotFoundError:
            return []
        return [str(entry).rstrip("/").rpartition("/")[2] for entry in entries]

    @asynccontextmanager
    async def on_disk(self, path: str) -> AsyncIterator[Path]:
        """The file as one of this machine: itself, or a copy. A few copies are kept, because a long document is opened
        again and again.
        """
        if self._is_local:
            yield Path(self._at(path))
            return
        async with self._copying:
            copy = await self._copied(path)
        yield copy

    def close(self) -> None:
        """Delete the copies."""
        self._copies.clear()
        if self._copy_folder is not None:
            self._copy_folder.cleanup()
            self._copy_folder = None

    async def _copied(self, path: str) -> Path:
        if path in self._copies:
            self._copies.move_to_end(path)
            return self._copies[path]
        if self._copy_folder is None:
            self._copy_folder = tempfile.TemporaryDirectory(prefix="quorum-jobs-")
        copy = Path(self._copy_folder.name) / uuid.uuid4().hex
        await _beside(self._fs.get_file, self._at(path), str(copy))
        self._copies[path] = copy
        while len(self._copies) > _COPIES:
            _, oldest = self._copies.popitem(last=False)
            oldest.unlink(missing_ok=True)  # whoever has it open still reads it
        return copy

    def _opened(self, path: str) -> Any:  # noqa: ANN401 - fsspec is not typed
        place = self._at(path)
        if self._is_local:  # scans and texts are for nobody else on this machine
            Path(self._root).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fs.makedirs(place.rpartition("/")[0], exist_ok=True)
        return self._fs.open(place, "wb", block_size=_BLOCK_BYTES)

    def _removed(self, place: str) -> None:
        self._fs.rm(place, recursive=True)

    def _at(self, path: str) -> str:
        return f"{self._root.rstrip('/')}/{path}"


class FileWriter:
    """A file that is being written."""

    def __init__(self, file: Any, *, is_local: bool) -> None:  # noqa: ANN401 - fsspec is not typed
        self._file = file
        self._is_local = is_local
        self.size = 0

    async def write(self, content: bytes) -> None:
        """Add to it. Returns when the storage has taken it, so nobody is read faster than it writes."""
        self.size += len(content)
        await _beside(self._file.write, content)

    def finish(self) -> None:
        """Close it; what was written stays when the power fails."""
        if self._is_local:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        """Close it without more."""
        if self._is_local:
            self._file.close()
        else:
            self._file.discard()
            self._file.closed = True  # or it would be completed when it is collected


async def _beside(work: Callable[..., Result], *arguments: Any) -> Result:  # noqa: ANN401 - of `work`
    """Do it beside the event loop. Raises NotReady for whatever the storage raises, but FileNotFoundError."""
    try:
        return await asyncio.to_thread(work, *arguments)
    except (FileNotFoundError, QuorumError):
        raise
    except Exception as error:  # each kind of storage has its own errors
        raise away(error, "the folder of the files of jobs") from error
