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
