"""The table of models: complete, plausible, and shown as it is."""

from __future__ import annotations

import dataclasses
import re

import pytest

from cluster.weights.rapidocr_models import MODELS
from cluster.weights.store.catalogue import CATALOGUE, NOT_PUBLISHED, Fetch, ModelCatalogue, ModelFile, read_catalogue
from cluster.weights.store.docs_page import PAGE, with_table
from ocr.errors import OutOfRange
from tests.fakes.makers import LANGUAGES, NETWORK

THE_TABLE = read_catalogue()


def test_every_model_that_was_promised_is_there() -> None:
    names = {model.name for model in THE_TABLE.models}
    trocr = {f"trocr-{size}-{kind}" for size in ("small", "base", "large") for kind in ("printed", "handwritten")}
    paddle = {f"PP-OCRv6_{size}_{part}" for size in ("tiny", "small", "medium") for part in ("det", "rec")}
    paddle |= {f"PP-OCRv5_{size}_{part}" for size in ("mobile", "server") for part in ("det", "rec")}
    assert names >= trocr | paddle | {"english_g2", "latin_g2", "craft_mlt_25k", "tessdata_best", "tessdata_fast"}


@pytest.mark.parametrize("model", THE_TABLE.models, ids=lambda model: model.name)
def test_an_entry_is_pinned_and_its_sizes_agree(model) -> None:
    assert re.fullmatch(r"[0-9a-f]{40}|(pre-)?v[\d.]+", model.revision)
    known = sum(file.size_bytes or 0 for file in model.files)
    assert known <= model.megabytes * 1_050_000
    if all(file.size_bytes for file in model.files):
        assert known >= (model.megabytes - 1) * 1_000_000


@pytest.mark.parametrize("model", [m for m in THE_TABLE.models if m.key == "trocr"], ids=lambda model: model.name)
def test_the_weights_of_trocr_are_safetensors_of_a_known_hash(model) -> None:
    [weights] = [file for file in model.files if file.path == "model.safetensors"]
    assert weights.sha256 is not None


@pytest.mark.parametrize("model", [m for m in THE_TABLE.models if "paddle" in m.key], ids=lambda model: model.name)
def test_the_models_of_paddleocr_are_what_onnx_runtime_reads(model) -> None:
    assert model.url.endswith("_onnx")
    assert [file.path for file in model.files] == ["inference.onnx", "inference.yml"]


def test_the_md5_of_easyocr_is_the_one_that_its_package_has() -> None:
    from importlib.util import find_spec
    from pathlib import Path

    package = find_spec("easyocr")
    assert package is not None
    assert package.origin is not None
    published = Path(package.origin).with_name("config.py").read_text(encoding="utf-8")
    for model in THE_TABLE.models:
        if model.fetch is Fetch.ZIPS:
            [file] = model.files
            assert f"{model.url}/{model.revision}/{model.name}.zip" in published
            assert f"'{file.md5}'" in published


def test_every_engine_with_bundled_paddle_models_has_official_ones() -> None:
    assert all(THE_TABLE.default(key) is not None for key in MODELS)


def test_a_hash_that_is_not_known_is_written_in_words() -> None:
    text = CATALOGUE.read_text()
    assert text.count(f'sha256 = "{NOT_PUBLISHED}"') == sum(
        file.sha256 is None for model in THE_TABLE.models for file in model.files
    )


def test_the_page_shows_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page, THE_TABLE), "python -m cluster.weights.store.docs_page"


@pytest.mark.parametrize("path", ["pytorch_model.bin", "model.pth", "model.pkl", "model.ckpt"])
def test_a_pickle_is_no_file_of_trocr(path: str) -> None:
    with pytest.raises(ValueError, match="expected safetensors"):
        dataclasses.replace(NETWORK, files=(ModelFile(path, "0" * 64),))


@pytest.mark.parametrize("bad", [{"name": "../up"}, {"revision": "a/b"}, {"key": ".store"}])
def test_a_name_that_would_leave_the_store_is_refused(bad: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a directory"):
        dataclasses.replace(LANGUAGES, **bad)


@pytest.mark.parametrize("hashes", [{"sha256": "ABC"}, {"sha256": "0" * 63}, {"md5": "0" * 64}])
def test_what_is_no_hash_is_refused(hashes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is not a"):
        ModelFile("a", **hashes)


class TestSelection:
    def test_without_words_it_is_the_default_of_each_engine(self) -> None:
        keys = [model.key for model in THE_TABLE.select(())]
        assert keys == ["tesseract", "easyocr", "trocr", "paddleocr", "paddleocr_detector"]

    def test_a_key_means_its_default_and_a_name_itself_once(self) -> None:
        chosen = THE_TABLE.select(["trocr", "trocr-small-printed", "latin_g2"])
        assert [model.name for model in chosen] == ["trocr-small-printed", "latin_g2"]

    def test_a_word_that_is_nearly_one_is_answered_with_what_was_meant(self) -> None:
        with pytest.raises(OutOfRange, match="trocr-small-print") as caught:
            THE_TABLE.select(["trocr-small-print"])
        assert "trocr-small-printed" in caught.value.hint

    def test_a_word_that_is_nothing_is_answered_with_where_to_look(self) -> None:
        with pytest.raises(OutOfRange) as caught:
            THE_TABLE.select(["zzz"])
        assert "quorum models list" in caught.value.hint


def test_a_table_with_two_models_of_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        ModelCatalogue((LANGUAGES, LANGUAGES))


def test_a_key_without_a_default_is_refused() -> None:
    with pytest.raises(ValueError, match="exactly one default"):
        ModelCatalogue((dataclasses.replace(LANGUAGES, is_default=False),))
