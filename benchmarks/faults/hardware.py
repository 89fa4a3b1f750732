"""What a fault does to the machine below a node: disks that are full, processors that are slow, clocks that are wrong.

Small disks and slow processors need root, clocks the library of libfaketime. Each says why it cannot be had.
"""

from __future__ import annotations

import ctypes.util
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cluster.local.multi_node_cluster import Node

_CGROUPS = Path("/sys/fs/cgroup")
_LIBRARY = "faketime/libfaketime.so.1"
_FOLDERS = (Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib/aarch64-linux-gnu"), Path("/usr/lib"))
_PERIOD_US = 100_000
_NOT_ROOT = "it needs root on Linux"


def _is_root() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A disk of `megabytes` at `path`, which can be filled and emptied again."""

    path: Path

    @staticmethod
    def why_not() -> str:
        """Why there is none here; "" where there is."""
        return "" if _is_root() and shutil.which("mount") else _NOT_ROOT

    @property
    def _ballast(self) -> Path:
        return self.path / "ballast"

    def fill(self) -> None:
        """Return when not a byte is left."""
        with self._ballast.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def empty(self) -> None:
        """Take away what `fill` wrote."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Until the block is left, what is below `path` is on a disk of its own. What was there before cannot be seen."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", path], check=True)
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=False)


@dataclass(slots=True)
class ProcessorShare:
    """Holds a node to a share of one core, with a cgroup of version 1 or 2."""

    _name: str = field(default_factory=lambda: f"quorum-{secrets.token_hex(4)}")

    @staticmethod
    def why_not() -> str:
        """Why no node can be held to one here; "" where one can."""
        there = (_CGROUPS / "cpu").is_dir() or (_CGROUPS / "cgroup.subtree_control").is_file()
        return "" if _is_root() and there else "it needs root on Linux with cgroups"

    @property
    def _folder(self) -> Path:
        return (_CGROUPS / "cpu" if (_CGROUPS / "cpu").is_dir() else _CGROUPS) / self._name

    def hold(self, node: Node, cores: float) -> None:
        """From now on all processes of the node have so much of a core together, and those that they start."""
        self._folder.mkdir(exist_ok=True)
        quota_us = int(cores * _PERIOD_US)
        if (self._folder / "cpu.cfs_quota_us").exists():
            (self._folder / "cpu.cfs_period_us").write_text(f"{_PERIOD_US}")
            (self._folder / "cpu.cfs_quota_us").write_text(f"{quota_us}")
        else:
            (self._folder / "cpu.max").write_text(f"{quota_us} {_PERIOD_US}")
        for process in node.processes():
            with suppress(OSError):  # it ended meanwhile
                (self._folder / "cgroup.procs").write_text(f"{process.pid}")

    def release(self) -> None:
        """Give everything that is left of the node its processors back."""
        for pid in (self._folder / "cgroup.procs").read_text().split():
            with suppress(OSError):
                (self._folder.parent / "cgroup.procs").write_text(pid)
        with suppress(OSError):  # one that ends is still in it
            self._folder.rmdir()


@dataclass(frozen=True, slots=True)
class Clock:
    """The wall clock of the processes that were started with its `environment`. How much time has passed since
    something, which is what timeouts count, is not changed.
    """

    told: Path
    """The file that says how far it is off."""

    @staticmethod
    def why_not() -> str:
        """Why no clock can be set here; "" where one can."""
        return "" if _faketime() else "it needs libfaketime (Debian: apt-get install libfaketime)"

    def set(self, ahead_s: float) -> None:
        """Be so many seconds ahead of the machine's clock, within a second from now."""
        beside = self.told.with_suffix(".new")
        beside.write_text(f"{ahead_s:+.0f}\n")
        beside.replace(self.told)

    def environment(self) -> Mapping[str, str]:
        return {
            "LD_PRELOAD": str(_faketime()),
            "FAKETIME_TIMESTAMP_FILE": str(self.told),
            "FAKETIME_CACHE_DURATION": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


def _faketime() -> Path | None:
    """The library, where Debian puts it or where the linker finds it."""
    found = [folder / _LIBRARY for folder in _FOLDERS if (folder / _LIBRARY).is_file()]
    named = ctypes.util.find_library("faketime")
    return found[0] if found else Path(named) if named else None
