"""Where the models of those lie that measure."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.readings.reader import Reader, parse_reader
from ocr.errors import EngineUnavailable


def test_models_lie_where_model_dir_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("CACHE_DIR", str(tmp_path / "cache"))
    reader = parse_reader("easyocr=my_model")
    assert (reader.model_dir, reader.cache_dir) == (tmp_path / "models", tmp_path / "cache")
    with pytest.raises(EngineUnavailable):
        _ = reader.fingerprint
    (tmp_path / "models" / "my_model").mkdir(parents=True)
    (tmp_path / "models" / "my_model" / "metadata.json").write_text("{}")
    assert parse_reader("easyocr=my_model").fingerprint


def test_without_it_they_lie_where_they_are_pulled_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODEL_DIR", raising=False)
    assert Reader("easyocr").model_dir == Path("~/.cache/quorum/models").expanduser()


def test_what_was_read_counts_for_one_network_for_handwriting_alone(tmp_path: Path) -> None:
    (tmp_path / "model" / "handwriting").mkdir(parents=True)
    weights = tmp_path / "model" / "handwriting" / "weights.pth"
    found = []
    for content in (b"first", b"second"):
        weights.write_bytes(content)
        found.append(Reader("easyocr", str(tmp_path / "model")).fingerprint)
    assert found[0] != found[1]
