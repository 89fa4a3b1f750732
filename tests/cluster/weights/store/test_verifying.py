"""What is found of models whose files were changed, lost, or never came through the store; and its repair."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.weights.store.catalogue import ModelCatalogue
from cluster.weights.store.model_store import InstallState, ModelStore
from cluster.weights.store.pulling import DownloadSource, pull
from cluster.weights.store.verifying import repair, verify
from tests.fakes.makers import ENGLISH, GERMAN_PATH, LANGUAGES, NETWORK, TABLE, sha256
from tests.fakes.model_server import ModelServer


def change(file: Path) -> None:
    file.write_bytes(b"x" * file.stat().st_size)


def rot(file: Path) -> None:
    """Other bytes under the same size and date, as a failing disk leaves them."""
    times = file.stat()
    change(file)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("damage", [Path.unlink, change, rot], ids=["lost", "changed", "rotten"])
def test_damage_is_found_and_only_that_file_fetched_again(
    damage: Callable[[Path], None], server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    file = pull(LANGUAGES, store, source) / "eng.traineddata"
    damage(file)
    [found] = verify(TABLE, store)
    assert (found.whole, found.damaged) == (False, ("eng.traineddata",))
    server.asked.clear()
    repair(found, store, source)
    assert GERMAN_PATH not in {path for _, path, _ in server.asked}
    assert file.read_bytes() == ENGLISH
    assert [checked.whole for checked in verify(TABLE, store)] == [True]


def test_models_that_are_not_here_are_not_looked_at(source: DownloadSource, store: ModelStore) -> None:
    pull(NETWORK, store, source)
    assert [(found.label, found.whole) for found in verify(TABLE, store)] == [(NETWORK.label, True)]


def test_a_directory_that_did_not_come_through_the_store_is_replaced(source: DownloadSource, store: ModelStore) -> None:
    directory = store.directory("tesseract", "languages")
    directory.mkdir(parents=True)
    (directory / "eng.traineddata").write_bytes(b"from somewhere")
    [found] = verify(TABLE, store)
    assert not found.whole
    repair(found, store, source)
    assert store.state(LANGUAGES) is InstallState.INSTALLED


def test_a_record_that_the_table_contradicts_is_damage(source: DownloadSource, store: ModelStore) -> None:
    pull(LANGUAGES, store, source)
    stricter = dataclasses.replace(LANGUAGES.files[1], sha256=sha256(b"what it should have been"))
    table = ModelCatalogue((dataclasses.replace(LANGUAGES, files=(LANGUAGES.files[0], stricter)),))
    [found] = verify(table, store)
    assert found.damaged == ("deu.traineddata",)


def test_a_copied_model_dir_is_as_good_as_the_first(source: DownloadSource, store: ModelStore, tmp_path: Path) -> None:
    pull(LANGUAGES, store, source)
    shutil.copytree(store.root, tmp_path / "copy", copy_function=shutil.copyfile)  # with new dates
    assert ModelStore(tmp_path / "copy").state(LANGUAGES) is InstallState.INSTALLED
