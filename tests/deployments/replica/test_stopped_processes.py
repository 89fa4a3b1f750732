"""Processes with the titles that Ray gives them, stopped and continued."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest

from deployments.replica.stopped_processes import STOPPED_FOR_S, StoppedProcesses
from tests.fakes.hand_clock import HandClock

pytestmark = pytest.mark.processes

Start = Callable[[str], psutil.Process]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that sleeps under this title."""
    started: list[subprocess.Popen[bytes]] = []

    def sleeping(title: str) -> psutil.Process:
        started.append(subprocess.Popen([title, "600"], executable="/bin/sleep"))
        return psutil.Process(started[-1].pid)

    yield sleeping
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


def stop(process: psutil.Process) -> None:
    process.send_signal(signal.SIGSTOP)
    while process.status() != psutil.STATUS_STOPPED:
        pass


def looks_over(processes: StoppedProcesses, clock: HandClock, seconds: float) -> list[str]:
    ended = processes.look()
    for _ in range(int(seconds)):
        clock.now += 1.0
        ended += processes.look()
    return ended


def test_a_replica_that_stays_stopped_is_killed(start: Start) -> None:
    replica, clock = start("ray::ServeReplica:quorum:Router"), HandClock()
    processes = StoppedProcesses(lambda: [replica], clock)
    stop(replica)
    assert looks_over(processes, clock, STOPPED_FOR_S - 1.0) == []
    assert looks_over(processes, clock, 1.0) == ["Router"]
    assert replica.wait(10) == -signal.SIGKILL


def test_one_that_goes_on_in_time_is_left_alone_and_its_time_starts_anew(start: Start) -> None:
    replica, clock = start("ray::ProxyActor"), HandClock()
    processes = StoppedProcesses(lambda: [replica], clock)
    for _ in range(3):
        stop(replica)
        assert looks_over(processes, clock, STOPPED_FOR_S - 1.0) == []
        replica.send_signal(signal.SIGCONT)
        while replica.status() == psutil.STATUS_STOPPED:
            pass
        assert looks_over(processes, clock, 1.0) == []
    assert replica.is_running()


def test_what_does_nothing_for_the_application_may_be_stopped_for_ever(start: Start) -> None:
    other, clock = start("ray::IDLE"), HandClock()
    processes = StoppedProcesses(lambda: [other], clock)
    stop(other)
    assert looks_over(processes, clock, 10 * STOPPED_FOR_S) == []


def test_whoever_was_stopped_with_them_kills_nobody(start: Start) -> None:
    """Ctrl-Z stops a whole group, a machine that sleeps everything."""
    replica, clock = start("ray::ServeReplica:quorum:Gateway"), HandClock()
    processes = StoppedProcesses(lambda: [replica], clock)
    stop(replica)
    processes.look()
    clock.now += 3600.0
    assert processes.look() == []


def test_replicas_that_come_later_are_known_too(start: Start) -> None:
    clock, there = HandClock(), list[psutil.Process]()
    processes = StoppedProcesses(lambda: there, clock)
    processes.look()
    there.append(start("ray::ServeController"))
    stop(there[0])
    assert looks_over(processes, clock, 30.0)[:1] == ["ServeController"]
