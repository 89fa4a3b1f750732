"""Models come whole or not at all: against a server that cuts, lies and refuses, a full disk, and another process."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from cluster.weights.store import downloading
from cluster.weights.store.catalogue import Model, ModelFile
from cluster.weights.store.checksums import read_sums
from cluster.weights.store.downloading import PartialDownload
from cluster.weights.store.model_store import InstallState, ModelStore
from cluster.weights.store.pulling import DownloadSource, pull
from ocr.errors import InvalidRequest, StoreError
from tests.fakes.makers import (
    CONFIG,
    CONFIG_PATH,
    ENGLISH,
    ENGLISH_PATH,
    GERMAN,
    GERMAN_PATH,
    LANGUAGES,
    NETWORK,
    PICKLE,
    READER,
    WEIGHTS,
    WEIGHTS_PATH,
    ZIP_PATH,
    download_source_from,
    left_of,
    sha256,
    zipped,
)
from tests.fakes.model_server import ModelServer

EACH_KIND = pytest.mark.parametrize(
    ("model", "files"),
    [
        (LANGUAGES, {"eng.traineddata": ENGLISH, "deu.traineddata": GERMAN}),
        (NETWORK, {"model.safetensors": WEIGHTS, "config.json": CONFIG}),
        (READER, {"reader.pth": PICKLE}),
    ],
    ids=lambda value: value.fetch if isinstance(value, Model) else "",
)
PULL = [
    sys.executable,
    "-c",
    "import pickle, sys; from cluster.weights.store.pulling import pull; print(pull(*pickle.load(sys.stdin.buffer)))",
]
LARGE_FILES = pytest.mark.parametrize(
    ("model", "path", "content"),
    [(LANGUAGES, ENGLISH_PATH, ENGLISH), (NETWORK, WEIGHTS_PATH, WEIGHTS)],
    ids=["files", "hub"],
)


@EACH_KIND
def test_a_model_is_fetched_and_named(
    model: Model, files: dict[str, bytes], server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    directory = pull(model, store, source)
    assert directory == store.root / model.key / model.name
    assert {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "metadata.json"} == files
    card = json.loads((directory / "metadata.json").read_text())
    assert (card["name"], card["version"]) == (model.name, model.version)
    assert card["files"] == {name: sha256(content) for name, content in files.items()}
    assert store.state(model) is InstallState.INSTALLED
    assert not store.staging(model).exists()


@EACH_KIND
def test_a_model_that_is_here_is_not_fetched_again(
    model: Model, files: dict[str, bytes], server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    pull(model, store, source)
    server.asked.clear()
    pull(model, store, source)
    assert server.asked == []


@LARGE_FILES
def test_a_cut_transfer_goes_on_where_it_was_cut(
    model: Model, path: str, content: bytes, server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    server.cuts[path] = [50_000, 30_000]
    directory = pull(model, store, source)
    assert server.fetched(path) == [None, "bytes=50000-", "bytes=80000-"]
    assert (directory / model.files[0].path).read_bytes() == content


@LARGE_FILES
def test_a_later_attempt_goes_on_where_an_earlier_one_gave_up(
    model: Model, path: str, content: bytes, server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    server.cuts[path] = [50_000] + [0] * 10
    with pytest.raises(StoreError, match="cannot be reached"):
        pull(model, store, source)
    assert store.state(model) is InstallState.ABSENT
    server.cuts[path].clear()
    server.asked.clear()
    pull(model, store, source)
    assert server.fetched(path) == ["bytes=50000-"]


@LARGE_FILES
def test_a_server_that_ignores_ranges_sends_the_whole_again(
    model: Model, path: str, content: bytes, server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    server.honours_ranges = False
    server.cuts[path] = [50_000]
    directory = pull(model, store, source)
    assert (directory / model.files[0].path).read_bytes() == content


@LARGE_FILES
def test_a_file_that_changed_between_two_attempts_is_begun_anew(
    model: Model, path: str, content: bytes, server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    server.files[path] = b"x" * len(content)
    server.cuts[path] = [50_000] + [0] * 10
    with pytest.raises(StoreError):
        pull(model, store, source)
    server.files[path] = content
    server.cuts[path].clear()
    directory = pull(model, store, source)
    assert (directory / model.files[0].path).read_bytes() == content


def test_without_a_validator_a_cut_transfer_is_gone_on_with(
    server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    server.sends_tags = False
    server.cuts[ENGLISH_PATH] = [50_000]
    pull(LANGUAGES, store, source)
    assert server.fetched(ENGLISH_PATH) == [None, "bytes=50000-"]


def test_a_server_that_is_busy_is_asked_again(server: ModelServer, source: DownloadSource, store: ModelStore) -> None:
    server.statuses[ENGLISH_PATH] = [503, 429]
    pull(LANGUAGES, store, source)
    assert len(server.fetched(ENGLISH_PATH)) == 3


@pytest.mark.parametrize(
    ("model", "path"),
    [(LANGUAGES, ENGLISH_PATH), (NETWORK, WEIGHTS_PATH), (READER, ZIP_PATH)],
    ids=["files", "hub", "zips"],
)
def test_wrong_bytes_are_refused_and_nothing_of_them_stays(
    model: Model, path: str, server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    content = bytearray(server.files[path])
    if model is READER:
        content = bytearray(zipped("reader.pth", b"another pickle"))
    else:
        content[1000] ^= 1
    server.files[path] = bytes(content)
    with pytest.raises(StoreError, match="sha256") as caught:
        pull(model, store, source)
    assert "nothing of it was kept" in caught.value.hint
    assert left_of(store, model) == []


@pytest.mark.parametrize(
    "content", [b"not a zip archive", zipped("other.pth", PICKLE), zipped("reader.pth", PICKLE)[:-30]]
)
def test_what_is_no_archive_of_the_file_is_refused(
    content: bytes, server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    server.files[ZIP_PATH] = content
    with pytest.raises(StoreError, match="not an archive"):
        pull(READER, store, source)
    assert left_of(store, READER) == []


def test_an_archive_that_swells_is_stopped(server: ModelServer, source: DownloadSource, store: ModelStore) -> None:
    server.files[ZIP_PATH] = zipped("reader.pth", bytes(50_000_000))
    with pytest.raises(StoreError, match="longer than it may be"):
        pull(READER, store, source)
    assert left_of(store, READER) == []


def test_an_answer_that_is_longer_than_the_file_is_stopped(
    server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    server.files[ENGLISH_PATH] = ENGLISH + b"and more"
    with pytest.raises(StoreError, match="longer than"):
        pull(LANGUAGES, store, source)
    assert left_of(store, LANGUAGES) == []


def test_a_server_may_keep_to_itself_how_long_a_file_is(
    server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    server.sends_lengths = False
    assert (pull(LANGUAGES, store, source) / "eng.traineddata").read_bytes() == ENGLISH


def test_what_comes_compressed_is_refused(server: ModelServer, source: DownloadSource, store: ModelStore) -> None:
    server.encoding = "gzip"
    with pytest.raises(StoreError, match="compressed"):
        pull(LANGUAGES, store, source)


def test_an_encrypted_address_may_not_lead_to_one_that_is_not() -> None:
    answer = httpx.Response(200, request=httpx.Request("GET", "http://mirror.example/file"))
    with pytest.raises(StoreError, match="not encrypted"):
        downloading._start(answer, "https://makers.example/file", PartialDownload.of(Path("file")))


@pytest.mark.parametrize(
    ("model", "path"), [(LANGUAGES, ENGLISH_PATH), (NETWORK, CONFIG_PATH), (READER, ZIP_PATH)], ids=lambda v: str(v)[:5]
)
def test_a_file_that_is_not_there_is_said(
    model: Model, path: str, server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    del server.files[path]
    with pytest.raises(StoreError, match="404") as caught:
        pull(model, store, source)
    assert "--mirror" in caught.value.hint
    assert store.state(model) is InstallState.ABSENT


@pytest.mark.parametrize("model", [LANGUAGES, NETWORK, READER], ids=lambda model: model.fetch)
def test_no_network_is_said(model: Model, source: DownloadSource, store: ModelStore) -> None:
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        pull(model, store, download_source_from("http://127.0.0.1:9"))
    assert "network" in caught.value.hint


def test_a_hub_that_answers_with_another_revision_is_refused(
    server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    moved = dataclasses.replace(NETWORK, revision="main")
    server.files = {path.replace(NETWORK.revision, "main"): content for path, content in server.files.items()}
    pull(moved, store, source)  # the fake says that the commit is "main", as it was asked
    other = dataclasses.replace(NETWORK, name="other", url="https://huggingface.co/makers/other")
    server.files[f"/makers/other/resolve/{NETWORK.revision}/model.safetensors"] = WEIGHTS
    named = dataclasses.replace(source, sums={"other/config.json": sha256(CONFIG)})
    with pytest.raises(StoreError, match="404"):
        pull(other, store, named)


class TestWithoutAPublishedSha256:
    @EACH_KIND
    def test_nothing_is_asked_for_until_somebody_names_it(
        self, model: Model, files: dict[str, bytes], server: ModelServer, source: DownloadSource, store: ModelStore
    ) -> None:
        unpublished = [file.path for file in model.files if file.sha256 is None]
        with pytest.raises(StoreError, match=f"no sha256 of {re.escape(unpublished[0])}") as caught:
            pull(model, store, dataclasses.replace(source, sums={}))
        assert "--sums" in caught.value.hint
        assert server.asked == []

    def test_an_md5_does_not_vouch_for_a_file(
        self, server: ModelServer, source: DownloadSource, store: ModelStore
    ) -> None:
        assert READER.files[0].md5 is not None
        with pytest.raises(StoreError, match="no sha256"):
            pull(READER, store, dataclasses.replace(source, sums={}))

    def test_another_file_than_the_one_that_was_named_is_refused(
        self, server: ModelServer, source: DownloadSource, store: ModelStore
    ) -> None:
        server.files[GERMAN_PATH] = b"another language"
        with pytest.raises(StoreError, match=r"deu\.traineddata has sha256"):
            pull(LANGUAGES, store, source)
        assert left_of(store, LANGUAGES) == []

    def test_what_was_named_once_is_demanded_ever_after(
        self, server: ModelServer, source: DownloadSource, store: ModelStore
    ) -> None:
        unnamed = dataclasses.replace(source, sums={})
        shutil.rmtree(pull(LANGUAGES, store, source))
        shutil.rmtree(pull(LANGUAGES, store, unnamed))
        server.files[GERMAN_PATH] = b"another language"
        with pytest.raises(StoreError, match=r"deu\.traineddata has sha256"):
            pull(LANGUAGES, store, unnamed)

    def test_forgetting_the_record_lets_another_one_be_named(
        self, server: ModelServer, source: DownloadSource, store: ModelStore
    ) -> None:
        shutil.rmtree(pull(LANGUAGES, store, source))
        other = b"another language"
        server.files[GERMAN_PATH] = other
        named = dataclasses.replace(source, sums={"languages/deu.traineddata": sha256(other)})
        with pytest.raises(StoreError, match="you name") as caught:
            pull(LANGUAGES, store, named)
        record = store.record_path(LANGUAGES.key, LANGUAGES.label)
        assert str(record) in caught.value.hint
        record.unlink()
        assert (pull(LANGUAGES, store, named) / "deu.traineddata").read_bytes() == other

    def test_a_name_that_contradicts_the_table_is_refused(
        self, server: ModelServer, source: DownloadSource, store: ModelStore
    ) -> None:
        named = {**source.sums, "languages/eng.traineddata": sha256(b"something else")}
        with pytest.raises(StoreError, match=r"eng\.traineddata has sha256 .* you name"):
            pull(LANGUAGES, store, dataclasses.replace(source, sums=named))


@pytest.mark.parametrize("text", ["abc  a/b\n", f"{'0' * 64} a/b\n", f"{'0' * 64}  a/b\n" * 2, "\n"])
def test_a_line_that_sha256sum_would_not_write_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "sums").write_text(text)
    with pytest.raises(InvalidRequest, match="line"):
        read_sums(tmp_path / "sums")


def test_what_sha256sum_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "sums").write_text(f"{'0' * 64}  reader/reader.pth\n{'1' * 64} *network/with a space.json\n")
    assert read_sums(tmp_path / "sums") == {"reader/reader.pth": "0" * 64, "network/with a space.json": "1" * 64}


def test_a_new_revision_replaces_the_old_one_and_keeps_what_is_the_same(
    server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    pull(LANGUAGES, store, source)
    newer = dataclasses.replace(LANGUAGES, revision="f" * 40)
    assert store.state(newer) is InstallState.OTHER
    server.files[GERMAN_PATH.replace(LANGUAGES.revision, newer.revision)] = b"neues Deutsch"
    server.asked.clear()
    named = {"languages/deu.traineddata": sha256(b"neues Deutsch")}
    directory = pull(newer, store, dataclasses.replace(source, sums=named))
    assert [path.rsplit("/")[-1] for _, path, _ in server.asked] == ["deu.traineddata"]
    assert (directory / "deu.traineddata").read_bytes() == b"neues Deutsch"
    assert (directory / "eng.traineddata").read_bytes() == ENGLISH
    assert store.state(newer) is InstallState.INSTALLED


class TestFullDisk:
    def test_too_little_space_is_said_before_anything_is_asked_for(
        self, server: ModelServer, source: DownloadSource, store: ModelStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = shutil.disk_usage(store.root.parent)._replace(free=500_000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
        with pytest.raises(StoreError, match=r"needs 1\.0 MB, and 0\.5 MB are free"):
            pull(LANGUAGES, store, source)
        assert server.asked == []

    def test_a_disk_that_fills_up_on_the_way_is_given_back(
        self, server: ModelServer, source: DownloadSource, store: ModelStore
    ) -> None:
        staging = store.staging(LANGUAGES)
        staging.mkdir(parents=True)
        (staging / "eng.traineddata.partial").symlink_to("/dev/full")
        with pytest.raises(StoreError, match="no space left"):
            pull(LANGUAGES, store, source)
        assert left_of(store, LANGUAGES) == []

    @pytest.mark.parametrize("model", [LANGUAGES, NETWORK, READER], ids=lambda model: model.fetch)
    def test_a_real_disk_that_is_too_small(
        self,
        model: Model,
        server: ModelServer,
        source: DownloadSource,
        small_disk: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        store = ModelStore(small_disk / "models")
        monkeypatch.setattr(
            "cluster.weights.store.pulling.require_space", lambda *_: None
        )  # another process takes it later
        with pytest.raises(StoreError, match="no space left"):
            pull(model, store, source)
        assert left_of(store, model) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_directory_that_cannot_be_written_is_said(source: DownloadSource, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where a directory should be")
    with pytest.raises(StoreError, match="cannot be written"):
        pull(LANGUAGES, ModelStore(tmp_path / "models"), source)


class TestTwoAtOnce:
    def test_the_second_waits_and_finds_it_done(
        self, server: ModelServer, source: DownloadSource, store: ModelStore
    ) -> None:
        server.hold = threading.Event()
        waiting = dataclasses.replace(source, waiting=server.hold.set)  # the first gets its bytes once the other waits
        with ThreadPoolExecutor(2) as pool:
            directories = {pool.submit(pull, LANGUAGES, store, waiting).result for _ in range(2)}
            assert len({result(20) for result in directories}) == 1
        assert server.hold.is_set()
        assert len(server.fetched(ENGLISH_PATH)) == 1

    @pytest.mark.processes
    def test_two_processes_fetch_once(self, server: ModelServer, store: ModelStore) -> None:
        server.hold = threading.Event()
        what = pickle.dumps((LANGUAGES, store, download_source_from(server.url)))
        processes = [subprocess.Popen(PULL, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
        threading.Timer(0.3, server.hold.set).start()
        with ThreadPoolExecutor(2) as pool:
            answers = {out for out, _ in pool.map(lambda process: process.communicate(what), processes)}
        assert answers == {f"{store.directory('tesseract', 'languages')}\n".encode()}
        assert len(server.fetched(ENGLISH_PATH)) == 1
        assert store.state(LANGUAGES) is InstallState.INSTALLED


def test_of_two_mirrors_the_nearer_one_is_asked() -> None:
    source = DownloadSource(
        mirrors={"https://files.example": "http://a", "https://files.example/releases": "http://b/r/"}
    )
    assert source.at("https://files.example/languages/x") == "http://a/languages/x"
    assert source.at("https://files.example/releases/v1/x.zip") == "http://b/r/v1/x.zip"
    assert source.at("https://elsewhere.example/x") == "https://elsewhere.example/x"


def test_a_file_of_a_model_stays_inside_its_directory() -> None:
    for path in ("../up", "/etc/passwd", "a/../../b", "a\\b", ""):
        with pytest.raises(ValueError, match="not a path inside"):
            ModelFile(path)
