"""Files for a program that reads and writes by name, on a file system in memory: pictures and text of others are not
written to a disk.

Each folder is readable by its owner alone, and goes when its `with` block ends. A process that is killed cannot take
its folders away: it held a lock on each, which the system releases, and the next one removes what nobody holds.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger("quorum.engines")

MEMORY = Path("/dev/shm")  # noqa: S108 - each folder there has a name of its own and is the owner's alone
_KEPT_FREE_BYTES = 8_000_000  # for the program's answers, and for whoever else uses the file system


@dataclass(frozen=True, slots=True)
class Scratch:
    """Makes folders whose names begin with `prefix`: in `memory`, and where that is missing or full in the system's
    folder for temporary files, which may be on a disk. Then the log says so.
    """

    prefix: str
    memory: Path = MEMORY

    @contextmanager
    def folder(self, needed_bytes: int) -> Iterator[Path]:
        """A new folder, readable by its owner alone (mode 0700), in which so many bytes are going to be written."""
        folder, lock = _locked_folder(self.prefix, self._place(needed_bytes))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)

    def prepare(self) -> None:
        """Remove what killed processes of this user left behind, and say where files go if not to memory."""
        if not self._is_usable:
            log.warning("%s* will be written to %s: %s is not writable", self.prefix, _on_disk(), self.memory)
        for place in {self.memory, _on_disk()}:
            for folder in place.glob(f"{self.prefix}*"):
                with suppress(OSError):  # somebody else's, in use, or gone by now
                    lock = _locked(folder)
                    shutil.rmtree(folder, ignore_errors=True)
                    os.close(lock)

    def _place(self, needed_bytes: int) -> Path:
        if not self._is_usable:
            return _on_disk()
        if shutil.disk_usage(self.memory).free >= needed_bytes + _KEPT_FREE_BYTES:
            return self.memory
        log.warning("%d bytes are written to %s: %s has no room for them", needed_bytes, _on_disk(), self.memory)
        return _on_disk()

    @property
    def _is_usable(self) -> bool:
        return os.access(self.memory, os.W_OK | os.X_OK)


def _on_disk() -> Path:
    return Path(tempfile.gettempdir())


def _locked_folder(prefix: str, place: Path) -> tuple[Path, int]:
    """A new folder and the lock on it. One that was cleared away before it was locked is made again."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        with suppress(OSError):
            lock = _locked(folder)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _locked(folder: Path) -> int:
    """The descriptor that holds the lock on a folder of ours. Raises OSError where another process holds it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise PermissionError(f"{folder} belongs to another user")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
