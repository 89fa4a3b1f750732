from __future__ import annotations

import sys

import pytest

from ocr.errors import EngineUnavailable
from ocr.interfaces import LoadOptions
from segmentation.loading import load


def test_a_missing_model_is_named_with_its_path(tmp_path):
    with pytest.raises(EngineUnavailable, match=f"no model at {tmp_path}/inference.onnx"):
        load(LoadOptions(model=tmp_path))


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "inference.onnx").write_bytes(b"this is not protobuf")
    with pytest.raises(EngineUnavailable, match="is not an ONNX model"):
        load(LoadOptions(model=tmp_path))


def test_without_openvino_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    (tmp_path / "inference.onnx").write_bytes(b"")
    with pytest.raises(EngineUnavailable, match=r"openvino is not installed.*pip install"):
        load(LoadOptions(model=tmp_path))


def test_without_a_model_lines_are_found_all_the_same(written):
    from ocr.image import Image

    page = load(LoadOptions()).segment(Image(written(400, 200, {(20, 20): "first", (20, 100): "second"})))
    assert len(page.pixels) == 2
