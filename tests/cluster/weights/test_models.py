"""What `auto | bundled | official | PATH` resolves to, and how paddle's model directories come to be."""

from __future__ import annotations

import importlib.util
import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from cluster.weights import models, rapidocr_models
from cluster.weights.files import sha256
from cluster.weights.store.catalogue import read_catalogue
from cluster.weights.store.model_store import FileFingerprint, ModelStore
from ocr.errors import EngineUnavailable


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """An empty MODEL_DIR and CACHE_DIR."""
    return {"model_dir": tmp_path / "models", "cache_dir": tmp_path / "cache"}


def put(directory: Path, name: str = "model.bin") -> Path:
    directory.mkdir(parents=True)
    (directory / name).write_bytes(b"parameters")
    return directory


def test_tesseract_brings_its_own_data(places):
    assert models.resolve("tesseract", "auto", **places) is None
    assert models.resolve("tesseract", "bundled", **places) is None


def install(places: dict[str, Path], name: str) -> Path:
    """An official model as the store leaves it, with other content."""
    model, store = read_catalogue().named(name), ModelStore(places["model_dir"])
    assert model is not None
    staging = store.staging(model)
    staging.mkdir(parents=True)
    for file in model.files:
        (staging / file.path).write_bytes(b"parameters")
    return store.place(model, staging, {file.path: FileFingerprint.of(staging / file.path) for file in model.files})


def test_auto_takes_the_official_model_when_it_is_there(places):
    official = install(places, "tessdata_best")
    assert models.resolve("tesseract", "auto", **places) == official
    assert models.resolve("tesseract", "official", **places) == official
    assert models.resolve("tesseract", "bundled", **places) is None


def test_an_official_model_that_is_not_the_default_is_taken_by_its_name_only(places):
    fast = install(places, "tessdata_fast")
    assert models.resolve("tesseract", "tessdata_fast", **places) == fast
    assert models.resolve("tesseract", "auto", **places) is None


def test_auto_leaves_an_official_model_that_reads_worse_than_the_bundled_one(places, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "BUNDLED_DIR", tmp_path / "bundled")
    bundled = put(tmp_path / "bundled" / "easyocr")
    official = install(places, "english_g2")
    assert models.resolve("easyocr", "auto", **places) == bundled
    assert models.resolve("easyocr", "official", **places) == official
    assert models.resolve("easyocr", "english_g2", **places) == official


def test_auto_ignores_what_did_not_come_through_the_store(places):
    put(places["model_dir"] / "tesseract" / "tessdata_best")
    assert models.resolve("tesseract", "auto", **places) is None
    with pytest.raises(EngineUnavailable, match="was not installed"):
        models.resolve("tesseract", "official", **places)


def test_a_damaged_official_model_is_passed_over_aloud_and_refused_when_it_was_asked_for(places, caplog):
    official = install(places, "tessdata_best")
    (official / "eng.traineddata").write_bytes(b"other")
    assert models.resolve("tesseract", "auto", **places) is None
    assert "eng.traineddata" in caplog.text
    with pytest.raises(EngineUnavailable, match=r"damaged: eng\.traineddata") as caught:
        models.resolve("tesseract", "official", **places)
    assert "--repair" in caught.value.hint


def test_a_model_of_the_table_that_is_not_here_says_how_to_get_it(places):
    with pytest.raises(EngineUnavailable) as caught:
        models.resolve("trocr", "trocr-base-printed", **places)
    assert "quorum models pull trocr-base-printed" in caught.value.hint


def test_bundled_is_the_directory_of_the_engine(places, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "BUNDLED_DIR", tmp_path / "bundled")
    bundled = put(tmp_path / "bundled" / "trocr")
    assert models.resolve("trocr", "auto", **places) == bundled


def test_a_missing_bundled_model_says_what_to_do(places, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "BUNDLED_DIR", tmp_path / "bundled")
    with pytest.raises(EngineUnavailable, match="trocr: no model is bundled") as caught:
        models.resolve("trocr", "auto", **places)
    assert "quorum models pull trocr" in caught.value.hint


def test_a_missing_official_model_names_where_it_was_looked_for(places):
    with pytest.raises(EngineUnavailable, match="easyocr/english_g2") as caught:
        models.resolve("easyocr", "official", **places)
    assert caught.value.hint


def test_an_engine_without_official_model_says_so(places):
    with pytest.raises(EngineUnavailable, match="no official model"):
        models.resolve("emnist_cnn", "official", **places)


@pytest.mark.parametrize("as_text", [str, lambda path: path.name], ids=["absolute", "relative to MODEL_DIR"])
def test_a_path_is_taken_as_it_is(places, as_text):
    directory = put(places["model_dir"] / "mine")
    assert models.resolve("trocr", as_text(directory), **places) == directory


def test_a_path_to_nothing_is_refused(places):
    with pytest.raises(EngineUnavailable, match="there is no model at"):
        models.resolve("trocr", "/no/such/place", **places)


@pytest.mark.parametrize("key", sorted(rapidocr_models.MODELS))
def test_paddle_models_are_laid_out_completely(key, places):
    directory = models.resolve(key, "auto", **places)
    assert directory is not None
    assert {path.name for path in directory.iterdir()} == {"inference.onnx", "inference.yml", "metadata.json"}
    card = json.loads((directory / "metadata.json").read_text())
    assert card["name"] == rapidocr_models.MODELS[key].name
    assert card["version"].startswith("rapidocr-")
    assert card["files"] == {name: sha256(directory / name) for name in ("inference.onnx", "inference.yml")}


def test_the_recogniser_knows_its_characters(places):
    directory = models.resolve("paddleocr", **places)
    assert directory is not None
    config = json.loads((directory / "inference.yml").read_text())
    characters = config["PostProcess"]["character_dict"]
    assert set("abcXYZ0189.,-'") <= set(characters)
    assert all(len(character) == 1 for character in characters)


def test_a_second_resolution_changes_nothing(places):
    first = models.resolve("paddleocr", **places)
    assert first is not None
    before = {path.name: path.stat().st_mtime_ns for path in first.iterdir()}
    assert models.resolve("paddleocr", **places) == first
    assert {path.name: path.stat().st_mtime_ns for path in first.iterdir()} == before


def resolve_paddleocr(model_dir: Path, cache_dir: Path) -> Path | None:
    return models.resolve("paddleocr", model_dir=model_dir, cache_dir=cache_dir)


@pytest.mark.processes
def test_processes_that_lay_out_at_once_agree_and_leave_nothing_behind(places):
    with ProcessPoolExecutor(4) as pool:
        futures = [pool.submit(resolve_paddleocr, **places) for _ in range(8)]
        found = {future.result() for future in futures}
    assert len(found) == 1
    assert list((places["cache_dir"] / "paddleocr").iterdir()) == list(found)


def test_a_copy_is_made_where_links_are_refused(places, monkeypatch):
    def refuse(source: Path, target: Path) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    directory = models.resolve("paddleocr_detector", **places)
    assert directory is not None
    assert (directory / "inference.onnx").stat().st_nlink == 1


def test_a_cache_that_cannot_be_written_says_what_to_do(places):
    places["cache_dir"].write_text("a file where a directory should be")
    with pytest.raises(EngineUnavailable, match="cannot write") as caught:
        models.resolve("paddleocr", **places)
    assert "CACHE_DIR" in caught.value.hint


def test_without_rapidocr_the_remedy_is_named(places, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match="rapidocr") as caught:
        models.resolve("paddleocr", **places)
    assert "pip install" in caught.value.hint


def test_the_model_for_handwriting_is_the_one_in_the_other_model_unless_told(places, tmp_path):
    own = partial(models.resolve_handwriting, model_dir=places["model_dir"])
    print_alone, both = put(tmp_path / "print"), put(tmp_path / "both")
    inside, mine = put(both / "handwriting"), put(places["model_dir"] / "mine")
    assert own("easyocr", "auto", both) == inside
    assert own("easyocr", "auto", print_alone) is None
    assert own("tesseract", "auto", None) is None
    assert own("easyocr", "none", both) is None
    assert own("easyocr", "mine", both) == mine
    assert own("easyocr", str(inside), print_alone) == inside
    assert own("easyocr", "bundled", print_alone) == models.BUNDLED_DIR / "easyocr" / "handwriting"


@pytest.mark.parametrize("model", ["gone", "bundled"])
def test_a_model_for_handwriting_that_is_not_there_says_what_to_give(places, model):
    with pytest.raises(EngineUnavailable, match="tesseract: there is no model at") as caught:
        models.resolve_handwriting("tesseract", model, None, model_dir=places["model_dir"])
    assert "'none'" in caught.value.hint


def test_the_bundled_easyocr_reads_handwriting_with_a_network_of_its_own(places):
    path = models.resolve("easyocr", "bundled", **places)
    assert models.resolve_handwriting("easyocr", "auto", path, model_dir=places["model_dir"]) is not None
