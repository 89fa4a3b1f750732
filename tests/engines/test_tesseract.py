"""Tesseract: what it reads, what it costs when it is missing, dies or hangs, and that it leaves nothing behind."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engines import tesseract
from engines.common.scratch_files import Scratch
from engines.tesseract_programs.one_shot import OneShotProgram
from engines.tesseract_programs.resident import ResidentProgram
from ocr import Classes, Crop, Engine, LoadOptions, Scope
from ocr.errors import DeadlineExceeded, EngineUnavailable, InternalFailure
from ocr.interfaces import Runtime
from tests.engines.drawing import character, line


def program(folder: Path, script: str) -> str:
    """A program that stands in for tesseract."""
    path = folder / "tesseract"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


ANSWERS_AT_LOAD = """
case "$*" in
  *--version*) echo "tesseract 5.3.0"; exit 0;;
  *--list-langs*) echo "List of available languages (1):"; echo eng; exit 0;;
esac
"""


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of the one that is in memory, to see what is left in it."""
    folder = tmp_path / "memory"
    folder.mkdir()
    monkeypatch.setattr(tesseract, "Scratch", lambda prefix: Scratch(prefix, folder))
    return folder


@pytest.fixture(scope="module", params=[Runtime.AUTO, Runtime.NATIVE])
def engine(request: pytest.FixtureRequest) -> Engine:
    """In processes that stay, and with a program for each batch."""
    loaded = tesseract.load(LoadOptions(runtime=request.param))
    assert isinstance(loaded, tesseract.Tesseract)
    assert isinstance(loaded.program, ResidentProgram if request.param is Runtime.AUTO else OneShotProgram)
    return loaded


@pytest.mark.engines
@pytest.mark.parametrize("colours", [{"ink": 0, "paper": 255}, {"ink": 255, "paper": 0}, {"ink": 90, "paper": 190}])
def test_a_clean_line_is_read_in_any_polarity(engine, colours):
    [hypothesis] = engine.read([line("Invoice 1942 is paid", **colours)])
    assert hypothesis.text == "Invoice 1942 is paid"


@pytest.mark.engines
def test_lines_of_many_sizes_are_read_in_order(engine):
    texts = ["first line", "second line", "third line"]
    crops = [line(text, size=size) for text, size in zip(texts, (16, 40, 90), strict=True)]
    assert [hypothesis.text for hypothesis in engine.read(crops)] == texts


@pytest.mark.engines
def test_single_characters_of_different_classes_share_a_batch(engine):
    crops = [character("5", Classes.DIGITS), line("a whole line"), character("W", Classes.UPPER)]
    assert [hypothesis.text for hypothesis in engine.read(crops)] == ["5", "a whole line", "W"]


@pytest.mark.engines
def test_a_language_without_data_is_an_abstention_that_names_the_package(engine):
    whole = line("text")
    [hypothesis] = engine.read([Crop(whole.pixels, whole.region, languages=("mi",))])
    assert hypothesis.abstention is not None
    assert "tesseract-ocr-mri" in hypothesis.abstention


@pytest.mark.engines
def test_nothing_is_left_behind(memory):
    tesseract.load(LoadOptions(runtime=Runtime.NATIVE)).read([line("one"), character("x")])
    assert list(memory.iterdir()) == []


def test_lines_and_answers_are_written_to_memory_for_the_owner_alone(tmp_path, monkeypatch, memory):
    seen = tmp_path / "seen"
    script = f'stat -c %a "$(dirname "$1")" > {seen}; cat "$1" >> {seen}; echo "$2" >> {seen}; touch "$2.hocr"'
    monkeypatch.setenv("TESSERACT_CMD", program(tmp_path, f"{ANSWERS_AT_LOAD} {script}"))
    tesseract.load(LoadOptions()).read([line("text")])
    mode, crop, answer = seen.read_text().splitlines()
    assert mode == "700"
    assert Path(crop).is_relative_to(memory)
    assert Path(answer).is_relative_to(memory)


def test_a_missing_program_names_the_remedy(monkeypatch):
    monkeypatch.setenv("TESSERACT_CMD", "/no/such/tesseract")
    with pytest.raises(EngineUnavailable, match="/no/such/tesseract") as caught:
        tesseract.load(LoadOptions())
    assert "TESSERACT_CMD" in caught.value.hint


def test_a_missing_language_names_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv("TESSERACT_CMD", program(tmp_path, ANSWERS_AT_LOAD))
    with pytest.raises(EngineUnavailable, match="no data for de") as caught:
        tesseract.load(LoadOptions(languages=("en", "de")))
    assert caught.value.hint == "apt-get install tesseract-ocr-deu"


@pytest.mark.parametrize("death", ["exit 3", "kill -SEGV $$"])
def test_a_program_that_dies_is_an_error_and_leaves_nothing(death, tmp_path, monkeypatch, memory):
    monkeypatch.setenv("TESSERACT_CMD", program(tmp_path, f"{ANSWERS_AT_LOAD} echo 'bad weather' >&2; {death}"))
    engine = tesseract.load(LoadOptions())
    with pytest.raises(InternalFailure, match="bad weather"):
        engine.read([line("text")])
    assert list(memory.iterdir()) == []


@pytest.mark.processes
def test_a_program_that_hangs_is_killed(tmp_path, monkeypatch, memory):
    monkeypatch.setenv(
        "TESSERACT_CMD", program(tmp_path, f"{ANSWERS_AT_LOAD} echo $$ > {tmp_path}/pid; exec sleep 600")
    )
    loaded = tesseract.load(LoadOptions())
    assert isinstance(loaded, tesseract.Tesseract)
    hanging = replace(loaded, program=replace(loaded.program, timeout_s=(0.3, 0.0)))
    with pytest.raises(DeadlineExceeded, match="killed"):
        hanging.read([line("text")])
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert list(memory.iterdir()) == []


@pytest.mark.engines
def test_a_directory_with_data_alone_reads_and_is_named_by_its_card(tmp_path: Path) -> None:
    listing = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, check=True).stdout
    [system] = re.findall(r'in "(.+)" ', listing)
    shutil.copyfile(Path(system) / "eng.traineddata", tmp_path / "eng.traineddata")
    (tmp_path / "metadata.json").write_text('{"name": "tessdata_best", "version": "abc"}')
    engine = tesseract.load(LoadOptions(model=tmp_path))
    assert engine.model == "tessdata_best@abc"
    assert [hypothesis.text for hypothesis in engine.read([line("Hello world")])] == ["Hello world"]


def test_one_process_reads_all_lines_with_the_arguments_of_the_user(tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv(
        "TESSERACT_CMD",
        program(tmp_path, f'{ANSWERS_AT_LOAD} echo "$* limit=$OMP_THREAD_LIMIT" >> {log}; touch "$2.hocr"'),
    )
    monkeypatch.setenv("TESSERACT_CONFIG", "--oem 1 --psm 13")
    engine = tesseract.load(LoadOptions())
    engine.read([line("one"), line("two"), character("3")])
    lines, characters = log.read_text().splitlines()
    assert lines.endswith("--psm 13 limit=1")  # of an option that is given twice the program takes the last
    assert characters.index("--psm 13") < characters.index("--psm 10")
    assert f"tessedit_char_whitelist={Classes.ALNUM.alphabet}" in characters


@pytest.mark.processes
def test_several_processes_share_the_lines_of_a_batch_evenly_and_the_answers_are_those_of_one():
    lines = [line("a line " + "and more " * count + str(count)) for count in (3, 0, 2, 1, 4)]
    shared = tesseract.load(LoadOptions(threads=2, runtime=Runtime.NATIVE))
    assert isinstance(shared, tesseract.Tesseract)
    pytesseract, seen = shared.program.program, []
    counting = SimpleNamespace(**vars(pytesseract))
    counting.run_tesseract = lambda listing, *rest: (
        seen.append(Path(listing).read_text().splitlines()),
        pytesseract.run_tesseract(listing, *rest),
    )
    counted = replace(shared, program=replace(shared.program, program=counting))
    assert counted.read(lines) == tesseract.load(LoadOptions(runtime=Runtime.NATIVE)).read(lines)
    assert sorted(len(paths) for paths in seen) == [2, 3]


def test_a_crop_of_one_colour_starts_no_process(tmp_path, monkeypatch):
    monkeypatch.setenv("TESSERACT_CMD", program(tmp_path, f"{ANSWERS_AT_LOAD} exit 3"))
    engine = tesseract.load(LoadOptions())
    assert engine.read([Crop.whole(np.full((30, 90, 3), 200, np.uint8), Scope.LINE)])[0].text == ""


@pytest.mark.engines
def test_both_ways_read_the_same():
    crops = [line("Invoice 1942 is paid"), line("Dose: 5 mg (twice)"), character("5"), character("W")]
    stays, starts = (tesseract.load(LoadOptions(runtime=runtime)) for runtime in (Runtime.AUTO, Runtime.NATIVE))
    assert stays.model == starts.model
    for one, other in zip(stays.read(crops), starts.read(crops), strict=True):
        assert one.text == other.text
        for mine, its in zip(one.characters, other.characters, strict=True):
            assert mine.probability == pytest.approx(its.probability, abs=1e-4)
            assert mine.span == its.span


def test_the_system_s_data_are_known_by_their_checksum(tmp_path, monkeypatch):
    (tmp_path / "eng.traineddata").write_bytes(b"networks")
    script = f'echo "List of available languages in \\"{tmp_path}\\" (1):"; echo eng'
    monkeypatch.setenv(
        "TESSERACT_CMD", program(tmp_path, f'case "$*" in *--version*) echo "tesseract 5.3.0";; *) {script};; esac')
    )
    assert tesseract.load(LoadOptions()).model == "tesseract-eng@" + sha256(b"networks").hexdigest()[:8]


class _OlderLibrary:
    """In the place of the processes that stay: its version is not that of the program."""

    version = "0.1"

    def __init__(self, _: Path) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


def test_no_process_stays_where_the_library_is_of_another_version_than_the_program(tmp_path, monkeypatch):
    listed = f'echo "List of available languages in \\"{tmp_path}\\" (1):"; echo eng'
    program(tmp_path, f'case "$*" in *--version*) echo "tesseract 5.3.0";; *) {listed};; esac')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    made: list[_OlderLibrary] = []

    def older(folder: Path) -> _OlderLibrary:
        made.append(_OlderLibrary(folder))
        return made[-1]

    monkeypatch.setattr(tesseract, "ResidentProgram", older)
    loaded = tesseract.load(LoadOptions())
    assert isinstance(loaded, tesseract.Tesseract)
    assert isinstance(loaded.program, OneShotProgram)
    assert [library.closed for library in made] == [True]


def test_openvino_is_refused_with_what_to_do():
    with pytest.raises(EngineUnavailable, match="OpenVINO") as caught:
        tesseract.load(LoadOptions(runtime=Runtime.OPENVINO))
    assert "auto" in caught.value.hint
