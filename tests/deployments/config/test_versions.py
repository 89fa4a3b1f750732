"""The live configuration as versions: kept before they are acknowledged, one writer, and who waits hears of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from deployments.config.versions import ConfigVersion, ConfigVersionStore, FileVersionStorage, VersionStorage


def clock() -> float:
    return 1000.0


def store_in(folder: Path) -> ConfigVersionStore:
    return ConfigVersionStore(FileVersionStorage(folder / "live.json"), clock)


async def test_a_version_is_on_disk_before_it_is_acknowledged_and_a_new_process_finds_it(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    assert (await store.current()).number == 0
    made = await store.change({"method": "majority_voting"}, "first", None)
    assert made == ConfigVersion(1, {"method": "majority_voting"}, 1000.0, "first")
    assert await store_in(tmp_path).current() == made


async def test_an_archive_that_fails_leaves_the_current_version_in_force(tmp_path: Path) -> None:
    class Full(FileVersionStorage):
        async def save(self, version: ConfigVersion) -> None:
            raise OSError("no space left on device")

    storage: VersionStorage = Full(tmp_path / "live.json")
    store = ConfigVersionStore(storage, clock)
    with pytest.raises(OSError, match="space"):
        await store.change({"method": "majority_voting"}, "first", None)
    assert (await store.current()).number == 0


class Unreliable:
    """A storage that keeps what it is sent and does not say so, and is away when it is told to be."""

    def __init__(self) -> None:
        self.kept = ConfigVersion()
        self.is_away = False
        self.answer_is_lost = False

    async def load(self) -> ConfigVersion:
        if self.is_away:
            raise ConnectionError("refused")
        return self.kept

    async def save(self, version: ConfigVersion) -> None:
        if self.is_away:
            raise ConnectionError("refused")
        self.kept = version
        if self.answer_is_lost:
            raise TimeoutError("no answer")


async def test_what_was_kept_though_its_answer_was_lost_comes_into_force() -> None:
    storage = Unreliable()
    store = ConfigVersionStore(storage, clock)
    await store.current()
    storage.answer_is_lost = True
    with pytest.raises(TimeoutError):
        await store.change({"method": "majority_voting"}, "first", None)
    assert await store.current() == storage.kept == ConfigVersion(1, {"method": "majority_voting"}, 1000.0, "first")


async def test_while_the_storage_is_away_changes_are_refused_and_what_was_in_force_stays() -> None:
    storage = Unreliable()
    store = ConfigVersionStore(storage, clock)
    made = await store.change({"method": "majority_voting"}, "first", None)
    storage.is_away = True
    for change in ("second", "third"):
        with pytest.raises(ConnectionError):
            await store.change({}, change, None)
        assert await store.current() == made
    storage.is_away = False
    assert await store.wait_for_other(0, 5.0) == made
    assert (await store.change({}, "fourth", None)) == ConfigVersion(2, {}, 1000.0, "fourth")


async def test_a_change_for_an_outdated_version_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    await store.change({"log_level": "DEBUG"}, "one", 0)
    assert await store.change({"log_level": "ERROR"}, "two", 0) is None
    assert (await store.current()).document == {"log_level": "DEBUG"}
    second = await store.change({"log_level": "ERROR"}, "three", 1)
    assert second is not None
    assert second.number == 2


async def test_a_change_that_is_sent_again_is_made_once(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    first = await store.change({"log_level": "DEBUG"}, "one", 0)
    assert await store.change({"log_level": "DEBUG"}, "one", 0) == first
    assert await store_in(tmp_path).change({"log_level": "DEBUG"}, "one", 0) == first


async def test_of_many_changes_for_the_same_version_one_is_made(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    made = await asyncio.gather(*(store.change({"ready_engines": n}, f"change {n}", 0) for n in range(1, 9)))
    assert [version.number for version in made if version is not None] == [1]


async def test_who_waits_for_another_version_hears_of_it_at_once_and_of_the_same_after_its_patience(
    tmp_path: Path,
) -> None:
    store = store_in(tmp_path)
    waiting = [asyncio.create_task(store.wait_for_other(0, 30.0)) for _ in range(20)]
    await asyncio.sleep(0.01)
    await store.change({"log_level": "DEBUG"}, "one", None)
    async with asyncio.timeout(5):
        assert {version.number for version in await asyncio.gather(*waiting)} == {1}
        assert (await store.wait_for_other(1, 0.01)).number == 1
        assert (await store.wait_for_other(-1, 30.0)).number == 1
        assert (await store.wait_for_other(7, 30.0)).number == 1  # a store that lost its archive is followed as well


async def test_a_file_that_cannot_be_read_is_put_aside_and_not_lost(tmp_path: Path) -> None:
    (tmp_path / "live.json").write_text('{"number": 3, "docu')
    assert (await store_in(tmp_path).current()).number == 0
    assert (tmp_path / "live.unreadable").read_text().startswith('{"number": 3')
