from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from engines.common.scratch_files import Scratch


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    folder = tmp_path / "memory"
    folder.mkdir()
    return folder


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "disk"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_files_are_in_memory_for_the_owner_alone_and_go_with_the_block(memory, disk):
    with Scratch("scratch-", memory).folder(1000) as folder:
        (folder / "page.pgm").write_bytes(b"pixels")
        assert folder.parent == memory
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(memory.iterdir()) == list(disk.iterdir()) == []


def test_they_go_when_the_work_fails(memory):
    def fail() -> None:
        with Scratch("scratch-", memory).folder(1000) as folder:
            (folder / "page.pgm").write_bytes(b"pixels")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(memory.iterdir()) == []


def test_without_it_files_are_written_to_the_folder_for_temporary_files_and_the_log_says_so(memory, disk, caplog):
    scratch = Scratch("scratch-", memory / "missing")
    with caplog.at_level(logging.WARNING):
        scratch.prepare()
    assert f"will be written to {disk}: {memory}/missing is not writable" in caplog.text
    with scratch.folder(1000) as folder:
        assert folder.parent == disk
    assert list(disk.iterdir()) == []


def test_where_it_has_no_room_too(memory, disk, caplog):
    with caplog.at_level(logging.WARNING), Scratch("scratch-", memory).folder(2**60) as folder:
        assert folder.parent == disk
    assert f"bytes are written to {disk}: {memory} has no room for them" in caplog.text


def test_usually_the_log_has_nothing_to_say(memory, caplog):
    scratch = Scratch("scratch-", memory)
    scratch.prepare()
    with scratch.folder(1000):
        pass
    assert caplog.text == ""


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_or_not_ours_stays(memory, disk):
    scratch = Scratch("scratch-", memory)
    left = [memory / "scratch-left", disk / "scratch-left"]
    for folder in left:
        folder.mkdir()
        (folder / "page.pgm").write_bytes(b"pixels")
    (memory / "other").mkdir()
    (memory / "scratch-link").symlink_to(memory / "other")
    with scratch.folder(1000) as used:
        scratch.prepare()
        assert not any(folder.exists() for folder in left)
        assert {path.name for path in memory.iterdir()} == {used.name, "other", "scratch-link"}


@pytest.mark.processes
def test_a_process_that_is_killed_holds_its_folder_no_longer(memory):
    dying = (
        "import os, signal, sys; from pathlib import Path; from engines.common.scratch_files import Scratch\n"
        "with Scratch('scratch-', Path(sys.argv[1])).folder(1) as folder:\n"
        "    (folder / 'page.pgm').write_bytes(b'pixels')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    assert subprocess.run([sys.executable, "-c", dying, str(memory)], env=environment, check=False).returncode == -9
    assert len(list(memory.iterdir())) == 1
    Scratch("scratch-", memory).prepare()
    assert list(memory.iterdir()) == []
