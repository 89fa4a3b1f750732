"""What is said of the end of a process: whether it ended by itself, and of what."""

import subprocess

import pytest

from ocr.runtime.child_process import end_child


@pytest.mark.parametrize(
    ("command", "cause"), [("exit 3", "exit status 3"), ("kill -SEGV $$", "SIGSEGV"), ("exit 0", "exit status 0")]
)
@pytest.mark.processes
def test_one_that_ends_by_itself_in_time_says_of_what(command, cause):
    assert end_child(subprocess.Popen(["/bin/sh", "-c", command]), 30.0) == cause


@pytest.mark.processes
def test_one_that_does_not_end_is_killed():
    process = subprocess.Popen(["/bin/sleep", "600"])
    assert end_child(process) == "SIGKILL"
    assert process.poll() is not None
