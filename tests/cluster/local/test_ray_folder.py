"""The folder of a Ray on this machine: who can enter it, and what Ray is told."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.local.ray_folder import RayFolder
from ocr.errors import InvalidRequest


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[RayFolder]:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    made = RayFolder.make()
    yield made
    made.remove()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_enters_the_folder_or_reads_the_token(folder: RayFolder) -> None:
    assert (mode(folder.path), mode(folder.token)) == (0o700, 0o600)


def test_each_folder_has_a_token_of_its_own(folder: RayFolder) -> None:
    other = RayFolder.make()
    try:
        assert len(folder.token.read_text()) == len(other.token.read_text()) == 64
        assert folder.token.read_text() != other.token.read_text()
    finally:
        other.remove()


def test_ray_is_told_to_demand_the_token_and_where_it_is(folder: RayFolder) -> None:
    assert folder.environment() == {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(folder.token)}


def test_a_removed_folder_is_gone_with_all_that_is_in_it(folder: RayFolder) -> None:
    folder.logs.mkdir(parents=True)
    folder.remove()
    assert not folder.path.exists()


def test_a_place_whose_path_is_too_long_for_a_socket_is_refused_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / ("long" * 10)
    below.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(below))
    with pytest.raises(InvalidRequest, match="TMPDIR"):
        RayFolder.make()
    assert list(below.iterdir()) == []
