"""`quorum models`: what each command prints, where, and with which exit code. The makers are a server on loopback."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cluster.weights.store.catalogue import ModelCatalogue
from cluster.weights.store.model_store import ModelStore
from quorum.cli import models
from tests.fakes.makers import ENGLISH_PATH, LANGUAGES, NETWORK, SUMS, TABLE, published
from tests.fakes.model_server import ModelServer, serving

APP = typer.Typer()
models.register(APP)


@pytest.fixture(autouse=True)
def _small_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "read_catalogue", lambda: TABLE)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving(ModelServer(published())) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


def quorum(folder: Path, *arguments: str | Path) -> Result:
    words = ["models", *[str(argument) for argument in arguments]]
    return CliRunner().invoke(APP, words, env={"MODEL_DIR": str(folder)}, catch_exceptions=False)


def pulled(folder: Path, server: ModelServer, *names: str) -> Result:
    return quorum(
        folder, "pull", *names, "--mirror", f"https://files.example={server.url}", *hub(server), *sums(folder)
    )


def sums(folder: Path) -> tuple[str, Path]:
    """The option that names what the table does not."""
    file = folder.with_name("sums")
    file.write_text("".join(f"{sha256}  {path}\n" for path, sha256 in SUMS.items()))
    return "--sums", file


def hub(server: ModelServer) -> tuple[str, str]:
    return "--mirror", f"https://huggingface.co={server.url}"


def test_pull_says_where_the_models_are(folder: Path, server: ModelServer) -> None:
    result = pulled(folder, server)
    assert result.exit_code == 0
    assert f"{LANGUAGES.label} is in {folder}/tesseract/languages\n" in result.stdout
    assert len(result.stdout.splitlines()) == 3


def test_mirrors_may_stand_in_the_environment(
    folder: Path,
    server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        "QUORUM_MODEL_MIRRORS", f"https://files.example={server.url} https://huggingface.co={server.url}"
    )
    assert quorum(folder, "pull", *sums(folder)).exit_code == 0


def test_models_with_a_file_that_nobody_vouches_for_are_left_out_unless_they_are_asked_for(
    folder: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = dataclasses.replace(LANGUAGES, files=LANGUAGES.files[:1])
    monkeypatch.setattr(models, "read_catalogue", lambda: ModelCatalogue((known, NETWORK)))
    mirrors = ("--mirror", f"https://files.example={server.url}", *hub(server))
    result = quorum(folder, "pull", *mirrors)
    assert (result.exit_code, result.stdout) == (0, f"{known.label} is in {folder}/tesseract/languages\n")
    assert "network is left out: its makers publish no sha256 of config.json" in result.stderr
    asked_for = quorum(folder, "pull", "network", *mirrors)
    assert (asked_for.exit_code, "--sums" in asked_for.stderr) == (1, True)
    assert ModelStore(folder).installed("trocr", "network") is None


def test_a_model_that_cannot_be_fetched_does_not_stop_the_others(folder: Path, server: ModelServer) -> None:
    del server.files[ENGLISH_PATH]
    result = pulled(folder, server)
    assert result.exit_code == 1
    assert "404" in result.stderr
    assert "--mirror" in result.stderr
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("pull", "languages", "--mirror", "nonsense"), 2), (("pull", "langages"), 1), (("unpack", "/no/such/file"), 2)],
    ids=["a mirror", "a name", "an archive"],
)
def test_what_cannot_be_understood_is_said(arguments: tuple[str, ...], code: int, folder: Path) -> None:
    result = quorum(folder, *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr


def test_stopping_says_how_to_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(models, "pull", stop)
    result = quorum(folder, "pull", "languages")
    assert (result.exit_code, "continues where" in result.stderr) == (130, True)


def test_list_shows_what_is_here(folder: Path, server: ModelServer) -> None:
    pulled(folder, server, "languages")
    rows = {line.split()[0]: line for line in quorum(folder, "list").stdout.splitlines()}
    assert "installed" in rows["languages"]
    assert "installed" not in rows["network"]
    entries = [json.loads(line) for line in quorum(folder, "list", "--format", "json").stdout.splitlines()]
    assert [(entry["name"], entry["state"]) for entry in entries] == [
        ("languages", "installed"),
        ("network", "absent"),
        ("reader", "absent"),
    ]


def test_verify_finds_damage_and_repair_mends_it(folder: Path, server: ModelServer) -> None:
    pulled(folder, server)
    assert quorum(folder, "verify").exit_code == 0
    (folder / "tesseract/languages/eng.traineddata").write_bytes(b"damaged")
    result = quorum(folder, "verify")
    assert result.exit_code == 1
    assert "eng.traineddata" in result.stdout
    assert "--repair" in result.stderr
    mended = quorum(folder, "verify", "--repair", "--mirror", f"https://files.example={server.url}", *hub(server))
    assert (mended.exit_code, "damaged" in mended.stdout.partition("\n")[2]) == (0, False)


def test_what_cannot_be_repaired_is_said_and_the_others_are_mended(folder: Path, server: ModelServer) -> None:
    pulled(folder, server)
    for file in ("tesseract/languages/eng.traineddata", "trocr/network/config.json"):
        (folder / file).write_bytes(b"damaged")
    del server.files[ENGLISH_PATH]
    result = quorum(folder, "verify", "--repair", "--mirror", f"https://files.example={server.url}", *hub(server))
    rows = {line.split("@")[0]: line for line in result.stdout.splitlines()}
    assert (result.exit_code, "damaged" in rows["languages"], "whole" in rows["network"]) == (1, True, True)
    assert "404" in result.stderr


def test_verify_of_nothing_is_no_failure(folder: Path) -> None:
    result = quorum(folder, "verify")
    assert (result.exit_code, str(folder) in result.stdout) == (0, True)


def test_packed_models_are_unpacked_elsewhere(folder: Path, server: ModelServer, tmp_path: Path) -> None:
    pulled(folder, server)
    archive = tmp_path / "weights.tar"
    assert quorum(folder, "pack", archive, "languages").exit_code == 0
    assert "--sums" in quorum(tmp_path / "there", "unpack", archive).stderr
    result = quorum(tmp_path / "there", "unpack", archive, *sums(folder))
    assert (result.exit_code, result.stdout) == (0, f"installed {LANGUAGES.label}\n")
    assert ModelStore(tmp_path / "there").installed("tesseract", "languages") is not None


def test_path_prints_a_directory_and_nothing_else(folder: Path, server: ModelServer) -> None:
    pulled(folder, server, "languages")
    assert quorum(folder, "path", "tesseract").stdout == f"{folder}/tesseract/languages\n"
    assert quorum(folder, "path").stdout == f"{folder}\n"


@pytest.mark.parametrize("arguments", [("path", "network"), ("pack", "weights.tar")], ids=["path", "pack"])
def test_what_is_not_here_is_said_with_how_to_get_it(arguments: tuple[str, ...], folder: Path) -> None:
    result = quorum(folder, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "quorum models pull" in result.stderr


def test_convert_shows_where_what_openvino_reads_of_each_engine_is(folder: Path, tmp_path: Path) -> None:
    said = quorum(folder, "convert", "easyocr", "emnist_cnn=bundled", "--cache-dir", tmp_path / "cache")
    assert said.exit_code == 0
    lines = said.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["easyocr", "easyocr", "emnist_cnn"]
    assert all(line.endswith("openvino") for line in lines)


def test_convert_names_the_engines_that_it_knows(folder: Path) -> None:
    said = quorum(folder, "convert", "tesseract")
    assert said.exit_code == 2
    assert "easyocr, emnist_cnn, trocr" in " ".join(said.output.replace("│", " ").split())
