"""Converted models are found by what they were made from, made once, and never read for other weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from cluster.weights.models import BUNDLED_DIR
from engines.converted import store
from engines.devices.openvino_device import OpenvinoCannotRead


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(b"first")
    (folder / "metadata.json").write_text("{}")
    return folder


class Converter:
    """Writes the weights as a graph, and counts how often."""

    def __init__(self, problem: str = "") -> None:
        self.runs = 0
        self.problem = problem

    def __call__(self, model: Path, folder: Path) -> Mapping[str, object]:
        self.runs += 1
        if self.problem:
            raise OpenvinoCannotRead(self.problem)
        (folder / "network.xml").write_bytes((model / "weights.bin").read_bytes())
        return {"height_px": 32}


@pytest.fixture
def converter(monkeypatch: pytest.MonkeyPatch) -> Converter:
    """Converts in this process instead of one of its own."""
    made = Converter()
    monkeypatch.setattr(store, "_convert_elsewhere", lambda _, model, folder: store.write(made, model, folder))
    return made


def test_a_model_is_converted_once_and_found_again(model, converter, tmp_path):
    first, second = (store.converted("reader", model, tmp_path / "cache") for _ in range(2))
    assert first == second
    assert first.about == {"height_px": 32}
    assert first.graph("network").read_bytes() == b"first"
    assert converter.runs == 1


def test_other_weights_are_converted_anew(model, converter, tmp_path):
    before = store.converted("reader", model, tmp_path / "cache")
    (model / "weights.bin").write_bytes(b"second")
    after = store.converted("reader", model, tmp_path / "cache")
    assert before.folder != after.folder
    assert after.graph("network").read_bytes() == b"second"


def test_another_card_changes_nothing(model, converter, tmp_path):
    before = store.converted("reader", model, tmp_path / "cache")
    (model / "metadata.json").write_text('{"name": "other"}')
    assert store.converted("reader", model, tmp_path / "cache") == before


def test_what_lies_beside_the_weights_is_taken_and_needs_no_cache(model, converter):
    store.write(converter, model, model / "openvino")
    assert store.converted("reader", model, None).folder == model / "openvino"
    assert converter.runs == 1


def test_what_lies_beside_other_weights_is_not_taken(model, converter):
    store.write(converter, model, model / "openvino")
    (model / "weights.bin").write_bytes(b"second")
    with pytest.raises(OpenvinoCannotRead, match="was not converted"):
        store.converted("reader", model, None)


def test_a_model_that_cannot_be_converted_is_tried_once_and_says_why(model, converter, tmp_path):
    converter.problem = "an operation that is not known here"
    for _ in range(2):
        with pytest.raises(OpenvinoCannotRead, match=r"not known here; delete .*reader-"):
            store.converted("reader", model, tmp_path / "cache")
    assert converter.runs == 1


def test_a_cache_that_cannot_be_written_is_told(model, converter, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(OpenvinoCannotRead, match="cannot be written"):
        store.converted("reader", model, tmp_path / "cache")


def test_a_damaged_record_is_made_again(model, converter, tmp_path):
    made = store.converted("reader", model, tmp_path / "cache")
    (made.folder / store.RECORD).write_text(json.dumps({"source_sha256": 7}))
    assert store.converted("reader", model, tmp_path / "cache") == made
    assert converter.runs == 2


@pytest.mark.parametrize("name", ["emnist_cnn", "easyocr", "easyocr/handwriting", "trocr"])
def test_the_bundled_weights_were_converted_as_they_are(name):
    """Else: python -m engines.converted ENGINE cluster/bundled/NAME cluster/bundled/NAME/openvino."""
    found = store.converted(name, BUNDLED_DIR / name, None)
    assert found.folder == BUNDLED_DIR / name / "openvino"
