"""What the store has fetched is what engines load: from a server in place of the makers, in the form they publish."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
import yaml

from cluster.weights import models
from cluster.weights.store.catalogue import ModelCatalogue, ModelFile
from cluster.weights.store.model_store import ModelStore
from cluster.weights.store.pulling import DownloadSource, pull
from engines import easyocr, paddleocr, trocr
from ocr import LoadOptions
from tests.engines.drawing import line
from tests.engines.tiny_models import easyocr_official, trocr_checkpoint
from tests.fakes.makers import NETWORK, READER, REVISION, sha256, zipped
from tests.fakes.model_server import ModelServer

pytestmark = pytest.mark.engines


def as_published(bundled: Path) -> dict[str, bytes]:
    """A recogniser of PaddleOCR as its makers' repository holds it: YAML, with the steps of training in between."""
    config = json.loads((bundled / "inference.yml").read_text(encoding="utf-8"))
    steps = config["PreProcess"]["transform_ops"]
    steps.insert(1, {"MultiLabelEncode": {"gtc_encode": "NRTRLabelEncode"}})
    steps.append({"KeepKeys": {"keep_keys": ["image", "label_ctc", "label_gtc", "length", "valid_ratio"]}})
    return {
        "inference.onnx": (bundled / "inference.onnx").read_bytes(),
        "inference.yml": yaml.safe_dump(config, allow_unicode=True).encode(),
    }


def published(
    server: ModelServer, key: str, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> tuple[ModelCatalogue, str]:
    """A table whose default for `key` is a model with these files, which the server holds."""
    url = f"https://huggingface.co/makers/{key}"
    server.files = {f"/makers/{key}/resolve/{REVISION}/{name}": content for name, content in files.items()}
    hashed = tuple(ModelFile(name, sha256(content)) for name, content in files.items())
    model = dataclasses.replace(NETWORK, key=key, name=f"{key}-official", url=url, files=hashed, megabytes=30)
    table = ModelCatalogue((model,))
    monkeypatch.setattr(models, "read_catalogue", lambda: table)
    return table, model.label


def test_a_recogniser_of_paddleocr(
    server: ModelServer, source: DownloadSource, store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"model_dir": store.root, "cache_dir": tmp_path / "cache"}
    bundled = models.resolve("paddleocr", "bundled", **places)
    assert bundled is not None
    table, label = published(server, "paddleocr", as_published(bundled), monkeypatch)
    assert models.resolve("paddleocr", "auto", **places) == bundled
    pull(table.models[0], store, source)
    engine = paddleocr.load(LoadOptions(model=models.resolve("paddleocr", "auto", **places)))
    assert engine.model == label
    assert [hypothesis.text for hypothesis in engine.read([line("Hello world")])] == ["Hello world"]


def test_a_checkpoint_of_trocr(
    server: ModelServer, source: DownloadSource, store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trocr_checkpoint(tmp_path / "made")
    files = {path.name: path.read_bytes() for path in made.iterdir() if path.name != "metadata.json"}
    table, label = published(server, "trocr", files, monkeypatch)
    pull(table.models[0], store, source)
    model = models.resolve("trocr", "auto", model_dir=store.root, cache_dir=tmp_path / "cache")
    engine = trocr.load(LoadOptions(model=model))
    assert engine.model == label
    assert len(engine.read([line("Hello world")])) == 1


def test_a_recogniser_of_easyocr(
    server: ModelServer, source: DownloadSource, store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickle = (easyocr_official(tmp_path / "made") / "english_g2.pth").read_bytes()
    file = ModelFile("english_g2.pth", sha256(pickle), md5=hashlib.md5(pickle).hexdigest())
    from easyocr.config import recognition_models  # EasyOCR itself looks at the md5 of its own files too

    monkeypatch.setitem(recognition_models["gen2"]["english_g2"], "md5sum", file.md5)
    server.files["/releases/v1/english_g2.zip"] = zipped("english_g2.pth", pickle)
    model = dataclasses.replace(READER, name="english_g2", files=(file,), megabytes=20)
    monkeypatch.setattr(models, "read_catalogue", lambda: ModelCatalogue((model,)))
    pull(model, store, source)
    directory = models.resolve("easyocr", "official", model_dir=store.root, cache_dir=tmp_path / "cache")
    assert easyocr.load(LoadOptions(model=directory)).model == "english_g2@v1"
