"""Processes that stay: what one that dies or hangs costs, and that data come and go."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from engines.tesseract_programs.groups import Group, Prepared, Run
from engines.tesseract_programs.resident import ResidentProgram
from engines.tesseract_programs.resident_process import Reader
from ocr import Scope
from ocr.errors import DeadlineExceeded, InternalFailure

_ANSWERS = """
import json, os, sys, time
from multiprocessing.connection import Connection
connection = Connection(int(sys.argv[1]))
while True:
    head, pixels = json.loads(connection.recv_bytes()), connection.recv_bytes()
    if head["whitelist"] == "hang":
        time.sleep(600)
    if head["whitelist"] == "die":
        os.kill(os.getpid(), 11)
    words = [["a", 99.5, 1, 2, True], ["b", 98.0, 3, 4, False], ["c", 90.0, 9, 8, True]]
    answer = [[] if "SECRET" in os.environ else words] * len(head["sizes"])
    connection.send_bytes(json.dumps(answer).encode())
"""


class _Classes:
    """Stands for classes whose alphabet is a word that the process above knows."""

    def __init__(self, alphabet: str) -> None:
        self.alphabet = alphabet


def run(word: str = "") -> Run:
    crop = Prepared(np.zeros((10, 20), np.uint8), 1.0, 20)
    return Run(Group(Scope.CHARACTER, ("eng",), _Classes(word)), {7: crop, 3: crop})  # type: ignore[arg-type]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ResidentProgram:
    monkeypatch.setenv("SECRET", "a key")
    return ResidentProgram(Path("data"), command=(sys.executable, "-c", _ANSWERS))


@pytest.mark.processes
def test_characters_come_back_with_spaces_between_words_by_one_process_that_stays(program):
    read = program.read(run())
    assert list(read) == [7, 3]
    assert "".join(character.text for character in read[7]) == "ab c"
    assert [character.span for character in read[7]] == [(1, 2), (3, 4), None, None]
    pids = program.pids()
    program.read(run())
    assert program.pids() == pids
    assert len(pids) == 1


@pytest.mark.processes
def test_one_that_dies_costs_its_run_and_the_next_is_read_by_another(program):
    program.read(run())
    [first] = program.pids()
    with pytest.raises(InternalFailure, match="SIGSEGV") as caught:
        program.read(run("die"))
    assert "native" in caught.value.hint
    assert len(program.read(run())) == 2
    assert program.pids() != [first]


@pytest.mark.processes
def test_one_that_hangs_is_killed(program):
    program.read(run())
    [pid] = program.pids()
    hanging = ResidentProgram(Path("data"), (0.3, 0.0), program.command, program._idle)
    with pytest.raises(DeadlineExceeded, match="killed"):
        hanging.read(run("hang"))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.processes
def test_one_that_was_killed_between_two_runs_is_told_of_and_replaced(program):
    program.read(run())
    [pid] = program.pids()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(InternalFailure, match="SIGKILL"):
        program.read(run())
    assert len(program.read(run())) == 2


@pytest.mark.processes
def test_those_that_wait_end_when_the_program_is_closed(program):
    program.read(run())
    [pid] = program.pids()
    program.close()
    assert program.pids() == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


class _Library:
    """Notes which data are loaded and which are let go."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def recogniser(self, tessdata: str, data: str) -> "_Recogniser":
        self.log.append(f"+{data}")
        return _Recogniser(data, self.log)


class _Recogniser:
    def __init__(self, data: str, log: list[str]) -> None:
        self._data, self._log = data, log

    def set(self, name: str, value: str) -> None:
        pass

    def close(self) -> None:
        self._log.append(f"-{self._data}")


def test_data_are_loaded_when_they_are_asked_for_and_the_oldest_go():
    library = _Library()
    reader = Reader(library)
    for data in ("eng", "deu", "eng", "fra", "ces", "eng", "deu"):
        assert reader.read({"tessdata": "", "data": data, "mode": 7, "whitelist": "", "sizes": []}, b"") == []
    assert library.log == ["+eng", "+deu", "+fra", "-deu", "+ces", "-fra", "+deu"]
