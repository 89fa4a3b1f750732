"""What is found of models whose files were changed, lost, or never came through the store; and its repair."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.weights.store.pulling import Supply, pull
from cluster.weights.store.shelf import Shelf, State
from cluster.weights.store.table import Table
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
    damage: Callable[[Path], None], server: ModelServer, supply: Supply, shelf: Shelf
) -> None:
    file = pull(LANGUAGES, shelf, supply) / "eng.traineddata"
    damage(file)
    [found] = verify(TABLE, shelf)
    assert (found.whole, found.damaged) == (False, ("eng.traineddata",))
    server.asked.clear()
    repair(found, shelf, supply)
    assert GERMAN_PATH not in {path for _, path, _ in server.asked}
    assert file.read_bytes() == ENGLISH
    assert [checked.whole for checked in verify(TABLE, shelf)] == [True]


def test_models_that_are_not_here_are_not_looked_at(supply: Supply, shelf: Shelf) -> None:
    pull(NETWORK, shelf, supply)
    assert [(found.label, found.whole) for found in verify(TABLE, shelf)] == [(NETWORK.label, True)]


def test_a_directory_that_did_not_come_through_the_store_is_replaced(supply: Supply, shelf: Shelf) -> None:
    directory = shelf.directory("tesseract", "languages")
    directory.mkdir(parents=True)
    (directory / "eng.traineddata").write_bytes(b"from somewhere")
    [found] = verify(TABLE, shelf)
    assert not found.whole
    repair(found, shelf, supply)
    assert shelf.state(LANGUAGES) is State.INSTALLED


def test_a_record_that_the_table_contradicts_is_damage(supply: Supply, shelf: Shelf) -> None:
    pull(LANGUAGES, shelf, supply)
    stricter = dataclasses.replace(LANGUAGES.files[1], sha256=sha256(b"what it should have been"))
    table = Table((dataclasses.replace(LANGUAGES, files=(LANGUAGES.files[0], stricter)),))
    [found] = verify(table, shelf)
    assert found.damaged == ("deu.traineddata",)


def test_a_copied_model_dir_is_as_good_as_the_first(supply: Supply, shelf: Shelf, tmp_path: Path) -> None:
    pull(LANGUAGES, shelf, supply)
    shutil.copytree(shelf.root, tmp_path / "copy", copy_function=shutil.copyfile)  # with new dates
    assert Shelf(tmp_path / "copy").state(LANGUAGES) is State.INSTALLED
