"""What `pack` writes `unpack` installs; what somebody else wrote it refuses, and installs nothing of it."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.weights.store.archive import MANIFEST, pack, unpack
from cluster.weights.store.catalogue import ModelCatalogue
from cluster.weights.store.model_store import InstallState, ModelStore
from cluster.weights.store.pulling import DownloadSource, pull
from ocr.errors import StoreError
from tests.fakes.makers import (
    CONFIG,
    ENGLISH,
    GERMAN,
    GERMAN_PATH,
    LANGUAGES,
    NETWORK,
    SUMS,
    TABLE,
    WEIGHTS,
    left_of,
    sha256,
)
from tests.fakes.model_server import ModelServer

NAMED = DownloadSource(sums=SUMS)
Member = tuple[tarfile.TarInfo, bytes]


@pytest.fixture
def packed(server: ModelServer, source: DownloadSource, tmp_path: Path) -> Path:
    """The archive of two models, packed on another machine."""
    there = ModelStore(tmp_path / "there")
    for model in (LANGUAGES, NETWORK):
        pull(model, there, source)
    records = [there.installed(model.key, model.name) for model in (LANGUAGES, NETWORK)]
    archive = tmp_path / "weights.tar"
    pack([record for record in records if record is not None], there, archive)
    return archive


def members(archive: Path) -> list[Member]:
    with tarfile.open(archive) as tar:
        return [(member, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]


def write(archive: Path, content: list[Member]) -> None:
    with tarfile.open(archive, "w") as tar:
        for member, data in content:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def with_manifest(content: list[Member], change: Callable[[dict], None]) -> list[Member]:
    manifest = json.loads(content[0][1])
    change(manifest)
    return [(content[0][0], json.dumps(manifest).encode()), *content[1:]]


def test_what_was_packed_is_installed_and_recorded(packed: Path, store: ModelStore) -> None:
    assert unpack(packed, TABLE, store, NAMED) == [LANGUAGES, NETWORK]
    directory = store.directory("tesseract", "languages")
    assert (directory / "eng.traineddata").read_bytes() == ENGLISH
    assert (directory / "deu.traineddata").read_bytes() == GERMAN
    assert (store.directory("trocr", "network") / "model.safetensors").read_bytes() == WEIGHTS
    assert json.loads((directory / "metadata.json").read_text())["version"] == LANGUAGES.version
    assert {store.state(model) for model in (LANGUAGES, NETWORK)} == {InstallState.INSTALLED}


def test_the_same_models_make_the_same_bytes(packed: Path, store: ModelStore, tmp_path: Path) -> None:
    unpack(packed, TABLE, store, NAMED)
    records = [store.installed(model.key, model.name) for model in (LANGUAGES, NETWORK)]
    pack([record for record in records if record is not None], store, tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == packed.read_bytes()


def test_a_damaged_model_is_not_packed(packed: Path, store: ModelStore, tmp_path: Path) -> None:
    unpack(packed, TABLE, store, NAMED)
    record = store.installed("tesseract", "languages")
    assert record is not None
    (store.directory("tesseract", "languages") / "eng.traineddata").write_bytes(b"damaged")
    with pytest.raises(StoreError, match=r"eng\.traineddata damaged"):
        pack([record], store, tmp_path / "again.tar")
    assert not list(tmp_path.glob("*again*"))


def link(name: str, kind: bytes) -> Member:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member, b""


def renamed(content: list[Member], name: str) -> list[Member]:
    member, data = content[1]
    member.name = name
    return [content[0], (member, data), *content[2:]]


def sparse(content: list[Member]) -> list[Member]:
    content[1][0].type = tarfile.GNUTYPE_SPARSE
    return content


HOSTILE: dict[str, tuple[Callable[[list[Member]], list[Member]], str]] = {
    "a path upwards": (lambda content: renamed(content, "../../escaped"), "does not belong"),
    "an absolute path": (lambda content: renamed(content, "/tmp/escaped"), "does not belong"),
    "a symbolic link": (
        lambda content: [content[0], link(content[1][0].name, tarfile.SYMTYPE), *content[2:]],
        "does not belong",
    ),
    "a hard link": (
        lambda content: [content[0], link(content[1][0].name, tarfile.LNKTYPE), *content[2:]],
        "does not belong",
    ),
    "a device": (
        lambda content: [content[0], link(content[1][0].name, tarfile.CHRTYPE), *content[2:]],
        "does not belong",
    ),
    "an additional file": (
        lambda content: [*content, (tarfile.TarInfo("tesseract/languages/extra.py"), b"code")],
        "does not belong",
    ),
    "a file twice": (lambda content: [*content, content[1]], "does not belong"),
    "a missing file": (lambda content: content[:-1], "is missing"),
    "no manifest": (lambda content: content[1:], f"does not begin with {MANIFEST}"),
    "other bytes": (lambda content: [*content[:-1], (content[-1][0], b"x" * len(CONFIG))], "config.json has sha256"),
    "a sparse file": (sparse, "does not belong|not an archive"),
    "a manifest that lies with the bytes": (
        lambda content: with_manifest(
            [*content[:-2], (content[-2][0], b"evil"), content[-1]],
            lambda manifest: manifest["models"][1]["files"].update({"model.safetensors": sha256(b"evil")}),
        ),
        "model.safetensors has sha256",
    ),
    "a manifest that lies with the bytes of a file whose sha256 is not published": (
        lambda content: with_manifest(
            [*content[:-1], (content[-1][0], b"evil")],
            lambda manifest: manifest["models"][1]["files"].update({"config.json": sha256(b"evil")}),
        ),
        "config.json has sha256",
    ),
    "a model that is not in the catalogue": (
        lambda content: with_manifest(content, lambda manifest: manifest["models"][0].update(name="unknown")),
        "not in the catalogue",
    ),
    "another revision": (
        lambda content: with_manifest(content, lambda manifest: manifest["models"][0].update(version="0")),
        "not in the catalogue",
    ),
    "another engine": (
        lambda content: with_manifest(content, lambda manifest: manifest["models"][0].update(key="../..")),
        "not in the catalogue",
    ),
    "a file more in the manifest": (
        lambda content: with_manifest(content, lambda manifest: manifest["models"][0]["files"].update(evil="0")),
        "not those of the catalogue",
    ),
    "a later format": (lambda content: with_manifest(content, lambda manifest: manifest.update(format=2)), "format 2"),
    "a manifest that is no object": (lambda content: [(content[0][0], b"[]"), *content[1:]], "cannot be understood"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_and_nothing_is_installed(
    name: str, packed: Path, store: ModelStore, tmp_path: Path
) -> None:
    change, message = HOSTILE[name]
    write(packed, change(members(packed)))
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(store.root)}
    with pytest.raises(StoreError, match=message):
        unpack(packed, TABLE, store, NAMED)
    assert [path for model in (LANGUAGES, NETWORK) for path in left_of(store, model)] == []
    assert {path for path in tmp_path.rglob("*") if not path.is_relative_to(store.root)} == before


def test_what_is_no_archive_is_refused(store: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "weights.tar").write_bytes(b"not a tar file" * 100)
    with pytest.raises(StoreError, match="not an archive of models"):
        unpack(tmp_path / "weights.tar", TABLE, store, NAMED)


def test_an_archive_does_not_vouch_for_its_own_files(packed: Path, store: ModelStore) -> None:
    with pytest.raises(StoreError, match=r"no sha256 of deu\.traineddata") as caught:
        unpack(packed, TABLE, store)
    assert "--sums" in caught.value.hint
    assert [path for model in (LANGUAGES, NETWORK) for path in left_of(store, model)] == []


def test_a_file_that_was_named_once_must_be_the_same_in_an_archive(
    packed: Path, server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    other = b"another language"
    server.files[GERMAN_PATH] = other
    named = {**SUMS, "languages/deu.traineddata": sha256(other)}
    shutil.rmtree(pull(LANGUAGES, store, dataclasses.replace(source, sums=named)))
    with pytest.raises(StoreError, match=r"deu\.traineddata has sha256"):
        unpack(packed, TABLE, store)
    assert left_of(store, NETWORK) == []


def test_an_archive_of_one_model_leaves_the_others_alone(
    packed: Path, server: ModelServer, source: DownloadSource, store: ModelStore
) -> None:
    network = pull(NETWORK, store, source)
    before = (network / "model.safetensors").stat().st_ino
    write(packed, with_manifest(members(packed)[:3], lambda manifest: manifest["models"].pop()))
    assert unpack(packed, ModelCatalogue((LANGUAGES, NETWORK)), store, NAMED) == [LANGUAGES]
    assert (network / "model.safetensors").stat().st_ino == before
