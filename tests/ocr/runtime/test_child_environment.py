"""A process that reads files of strangers is given what programs need, and nothing that it could tell."""

import os

import pytest

from ocr.runtime.child_environment import child_environment, import_path


@pytest.fixture
def inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    given = {"PATH": "/bin", "LC_ALL": "C", "TMPDIR": "/tmp", "OMP_NUM_THREADS": "2", "API_KEYS": "s3cret"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("inherited")
def test_it_has_what_programs_need_and_no_secrets():
    assert child_environment() == {"PATH": "/bin", "LC_ALL": "C", "PYTHONPATH": import_path()}


@pytest.mark.usefixtures("inherited")
def test_more_is_kept_by_name_and_by_family():
    found = child_environment({"TMPDIR"}, ("OMP_",))
    assert found.keys() == {"PATH", "LC_ALL", "TMPDIR", "OMP_NUM_THREADS", "PYTHONPATH"}


def test_the_import_path_leaves_out_the_folder_that_the_process_happens_to_be_in(monkeypatch):
    monkeypatch.setattr("sys.path", ["", "/one", "/two"])
    assert import_path() == os.pathsep.join(("/one", "/two"))
