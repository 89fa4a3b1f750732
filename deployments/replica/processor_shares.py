"""Turns at the processors of one node, between the processes that compute there: the engines and the segmentation.

Each process gives turns to callers by itself. That is not enough where all share a few cores: a page that one caller
has read by five engines takes five processes' time from a page that another has read by two. So each process writes
into a table, in memory that all of the node see, which callers want how many of its threads, for which of them it
computes now, and how much processor time each has had of late. A caller that has had more than others waits while these
want all cores; what they leave free it has, but no more than that, in however many processes it waits. It is the fair
share of operating systems (Kay and Lauder 1988, doi 10.1145/35043.35047) with a caller in the place of a user.

Each process writes one row and reads all, so that no lock is needed. A row that was read half written is wrong for one
decision. Where there is no table (no memory, too many processes) everybody computes as the system lets them.
"""

from __future__ import annotations

import fcntl
import logging
import math
import os
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import numpy as np
import psutil

from deployments.messages.request import Asker

log = logging.getLogger("quorum.replica")

_PROCESSES = 128
_CALLERS = 16
_CALLER = np.dtype(
    [
        ("caller", "u8"),
        ("wants", "f8"),
        ("computes", "f8"),
        ("counts", "f8"),
        ("since", "f8"),
        ("asks", "f8"),
        ("had", "f8"),
        ("asked", "f8"),
    ]
)
_ROW = np.dtype([("pid", "i8"), ("written", "f8"), ("callers", _CALLER, (_CALLERS,))])
# What was used counts half as much after so long.
_HALF_LIFE_S = 5.0
# One that comes has had as much as those who are there, but for so much: it has not saved up for a day, owes nothing of
# what it had while nobody else asked, and its small page need not wait. One that asked lately was there all the time.
# For what gives way nobody waits, so that comes without such a lead.
_SAVED_S = 1.0
_ASKS_S = 2.0
# Who has had no more than so much above another one goes on beside him.
_LEAD_S = 0.3
# A process that is computing for longer than this says nothing new; one that hangs is to hold nobody up.
_SILENT_S = 2.0
LOOKS_AGAIN_S = 0.02
"""Who leaves the processors to others looks so often whether it is his turn."""
_HELD_BACK_S = 5.0


class Shares(Protocol):
    """What a queue asks of the processors that it shares."""

    def want(self, threads: Mapping[str, float], gives_way: Collection[str] = ()) -> None:
        """These callers, and no others, have work here now, for so many threads. For that of those that give way nobody
        waits.
        """

    def computes(self, threads: Mapping[str, float], counts: Mapping[str, float]) -> None:
        """For these callers, and no others, something is computed here from now on, on so many threads. A second of it
        counts so many, until `had` says what it came to.
        """

    def asks(self, counts: Mapping[str, float]) -> None:
        """For these callers, and no others, who ask for much at once here, a second is to count so many."""

    def asked(self, caller: str) -> float:
        """How many a second is to count for the caller, as anybody on the node was told; 0 where nobody was."""

    def had(self, caller: str, seconds: float, counts: float) -> float:
        """So much processor time was spent here for this caller. A second counts so many, or what `asked` says if that
        is more: what was begun before its caller asked for more counts like the rest. What it counted, in seconds.
        """

    def may_compute(self, caller: str) -> bool:
        """Whether those who have had less leave a core for this caller, and none of its own other work has taken it."""

    def are_wanted_by_others(self, callers: Collection[str]) -> bool:
        """Whether anybody else has had work on the node in the last seconds."""


class NotShared:
    """Everybody may, always."""

    def want(self, threads: Mapping[str, float], gives_way: Collection[str] = ()) -> None:
        pass

    def computes(self, threads: Mapping[str, float], counts: Mapping[str, float]) -> None:
        pass

    def asks(self, counts: Mapping[str, float]) -> None:
        pass

    def asked(self, caller: str) -> float:
        return 0.0

    def had(self, caller: str, seconds: float, counts: float) -> float:
        return seconds * counts

    def may_compute(self, caller: str) -> bool:
        return True

    def are_wanted_by_others(self, callers: Collection[str]) -> bool:
        return False


class Turns:
    """Which of the callers that wait in this process may compute. Where none may for `_HELD_BACK_S`, all may once: a
    caller is slowed by others, never stopped.
    """

    def __init__(self, shares: Shares, clock: Callable[[], float] = time.monotonic) -> None:
        self._shares = shares
        self._clock = clock
        self._held_back_since: float | None = None

    def of(self, askers: Collection[Asker], threads: float) -> set[str]:
        """The lines of those that may. Each of them wants so many threads."""
        waiting = {asker.line for asker in askers}
        self._shares.want(dict.fromkeys(waiting, threads), {asker.line for asker in askers if asker.is_batch})
        may = {caller for caller in waiting if self._shares.may_compute(caller)}
        now = self._clock()
        if may or not waiting:
            self._held_back_since = None
            return may
        if self._held_back_since is None:
            self._held_back_since = now
        if now - self._held_back_since < _HELD_BACK_S:
            return set()
        self._held_back_since = None
        return waiting


class ProcessorShares:
    """One process's row in the table at `path`, which is made where it is missing. `cores` are those of the node,
    `clock` has to be the same for all of its processes. Raises OSError where there can be no table.
    """

    def __init__(self, path: Path, cores: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._cores = cores
        self._clock = clock
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.truncate(_PROCESSES * _ROW.itemsize)
            self._table = np.memmap(file, _ROW, "r+", shape=(_PROCESSES,))
            self._number = _free_row(self._table["pid"])
            self._row = self._table[self._number]
            self._row["callers"] = 0
            self._row["written"] = clock()
            self._row["pid"] = os.getpid()
            fcntl.flock(file, fcntl.LOCK_UN)  # the mapping keeps the file open

    def want(self, threads: Mapping[str, float], gives_way: Collection[str] = ()) -> None:
        """As in Shares. To be said at least every two seconds while it is so."""
        entries, now = self._written_now(), self._clock()
        entries["wants"] = 0.0
        for caller, wanted in threads.items():
            taken_along = self._taken_along(caller, now, 0.0 if caller in gives_way else _SAVED_S)
            entry = self._entry(caller)
            entries["had"][entry] += taken_along
            entries["wants"][entry] = wanted
            entries["asked"][entry] = now

    def computes(self, threads: Mapping[str, float], counts: Mapping[str, float]) -> None:
        entries = self._written_now()
        entries["computes"] = 0.0
        for caller, computed in threads.items():
            entry = self._entry(caller)
            entries["computes"][entry] = computed
            entries["counts"][entry] = counts[caller]
            entries["since"][entry] = self._row["written"]

    def asks(self, counts: Mapping[str, float]) -> None:
        entries = self._written_now()
        entries["asks"] = 0.0
        for caller, asked in counts.items():
            entry = self._entry(caller)
            entries["asks"][entry] = asked

    def asked(self, caller: str) -> float:
        _, rows, _ = self._rows(self._clock())
        of_caller = rows["callers"]["caller"] == _name(caller)
        return float(np.max(rows["callers"]["asks"], initial=0.0, where=of_caller))

    def had(self, caller: str, seconds: float, counts: float) -> float:
        counted_s = seconds * max(counts, self.asked(caller))
        entry = self._entry(caller)
        self._written_now()["had"][entry] += counted_s
        return counted_s

    def may_compute(self, caller: str) -> bool:
        now = self._clock()
        numbers, rows, had = self._rows(now)
        callers = rows["callers"]["caller"]
        is_heard = (rows["written"] > now - _SILENT_S)[:, None]
        wants = np.where(is_heard, rows["callers"]["wants"], 0.0)
        own = _name(caller)
        most = had[callers == own].sum() - _LEAD_S
        if most <= 0.0:
            return True
        lighter = [
            other
            for other in np.unique(callers[(wants > 0.0) & (callers != own)])
            if had[callers == other].sum() < most
        ]
        if not lighter:
            return True
        is_lighter = np.isin(callers, lighter)
        elsewhere = (numbers != self._number)[:, None] & is_heard & ~is_lighter
        taken = wants[is_lighter].sum() + rows["callers"]["computes"][elsewhere].sum()
        return bool(taken < self._cores)

    def are_wanted_by_others(self, callers: Collection[str]) -> bool:
        _, rows, _ = self._rows(now := self._clock())
        asking = rows["callers"]["caller"][rows["callers"]["asked"] > now - _ASKS_S]
        return not set(asking.tolist()) <= {_name(caller) for caller in callers}

    def _taken_along(self, caller: str, now: float, saved_s: float) -> float:
        """What is added to what one has had that comes, so that it is as far as those who are there, but for what it
        has saved up.
        """
        _, rows, had = self._rows(now)
        callers = rows["callers"]["caller"]
        asking = rows["callers"]["asked"] > now - _ASKS_S
        own = _name(caller)
        if asking[callers == own].any():
            return 0.0
        others = [float(had[callers == other].sum()) for other in np.unique(callers[asking & (callers != own)])]
        return max(0.0, min(others, default=0.0) - saved_s) - float(had[callers == own].sum())

    def _rows(self, now: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The rows of processes that have written lately, with their numbers, and what their callers have had, counted
        down to now.
        """
        is_new = (self._table["pid"] != 0) & (self._table["written"] > now - 10.0 * _HALF_LIFE_S)
        rows = self._table[is_new]
        left = np.exp2((rows["written"] - now) / _HALF_LIFE_S)[:, None]
        callers = rows["callers"]
        running = callers["computes"] * callers["counts"] * np.maximum(0.0, now - callers["since"])
        return np.flatnonzero(is_new), rows, callers["had"] * left + running

    def _written_now(self) -> np.ndarray:
        """The row's callers, with what they had counted down to this moment."""
        now = self._clock()
        entries: np.ndarray = self._row["callers"]
        entries["had"] *= np.exp2((float(self._row["written"]) - now) / _HALF_LIFE_S)
        self._row["written"] = now
        return entries

    def _entry(self, caller: str) -> int:
        """Where the caller stands in the row; one who wants nothing and has had least makes room."""
        entries, name = self._row["callers"], _name(caller)
        there = np.flatnonzero(entries["caller"] == name)
        if there.size:
            return int(there[0])
        entry = int(np.lexsort((entries["had"], entries["asks"], entries["computes"], entries["wants"]))[0])
        entries[entry] = (name, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -math.inf)
        return entry


def shares_of_node(node: str, cores: float) -> Shares:
    """The table of a node, by its id in the cluster."""
    folder = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())  # noqa: S108
    own = folder / f"quorum-{os.getuid()}"
    try:
        # Processes of another version, beside this one during an upgrade, have a table of their own.
        path = own / f"processor-shares-{node}-{_ROW.itemsize}"
        _remove_left_over(set(own.glob("processor-shares-*")) - {path})
        return ProcessorShares(path, cores)
    except OSError as error:
        log.warning("callers do not share this node's processors fairly: %s", error)
        return NotShared()


def _remove_left_over(paths: Iterable[Path]) -> None:
    """Tables of nodes that are gone: nobody who wrote into them lives."""
    for path in paths:
        with suppress(OSError, ValueError), path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # nobody is just beginning
            pids = np.fromfile(file, _ROW)["pid"]
            if pids.size and not any(map(_lives, pids)):
                path.unlink()


def _free_row(pids: np.ndarray) -> int:
    """Raises OSError where every row belongs to a process that lives."""
    for row, pid in enumerate(pids):
        if not _lives(pid):
            return row
    raise OSError(f"more than {_PROCESSES} processes on one node")


def _lives(pid: int) -> bool:
    return bool(pid) and psutil.pid_exists(int(pid))


def _name(caller: str) -> int:
    """Never 0, which stands for nobody."""
    return int.from_bytes(blake2b(caller.encode(), digest_size=8).digest()) | 1
