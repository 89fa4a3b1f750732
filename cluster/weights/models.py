"""Where an engine's parameters are: `auto | bundled | official | NAME | PATH` becomes a directory, or None.

    official   the default model of the engine's makers, once `quorum models pull` brought it
    NAME       any other model of theirs by its name in the catalogue (store/models.toml), once it was pulled
    bundled    what works at once: cluster/bundled/<key>/, the system's own data (Tesseract), or the ONNX files of the
               rapidocr package (PaddleOCR)
    auto       official when it is here and whole and does not read worse than bundled, else bundled
    PATH       a directory or file; a relative path is taken from `model_dir`, so that it means the same on every node

The key is the engine's name, or "paddleocr_detector" for the text detector that segmentation loads. Nothing is
downloaded here, no engine and no framework is imported, and Ray is not known.
"""

from __future__ import annotations

import logging
from pathlib import Path

from cluster.weights import rapidocr_models
from cluster.weights.store.catalogue import Model, ModelCatalogue, read_catalogue
from cluster.weights.store.model_store import ModelStore
from ocr.errors import EngineUnavailable

BUNDLED_DIR = Path(__file__).parents[1] / "bundled"

HANDWRITING = "handwriting"
"""The folder in a model directory that holds a second model, for lines that look written by hand."""

DEFAULT_MODEL_DIR = Path("~/.cache/quorum/models")

log = logging.getLogger(__name__)


def resolve(key: str, model: str = "auto", *, model_dir: Path, cache_dir: Path) -> Path | None:
    """The directory (or file) of the parameters that `model` names for the engine `key`.

    None means that the engine brings its own: Tesseract's are the system's, a toy has none. `cache_dir` takes what has
    to be laid out before it can be loaded. Raises EngineUnavailable, with the remedy, when there is no such model here.
    """
    catalogue, store = read_catalogue(), ModelStore(model_dir)
    if model == "auto":
        return _whole_official(catalogue, key, store) or (
            _bundled(key, cache_dir) if _has_models(catalogue, key) else None
        )
    if model == "bundled":
        return _bundled(key, cache_dir)
    if model == "official":
        return _official(key, catalogue.default(key), store)
    named = catalogue.named(model)
    if named is not None and named.key == key:
        return _official(key, named, store)
    return _at_path(key, model, model_dir, "'auto', 'bundled', 'official', a name that quorum models list shows")


def resolve_handwriting(key: str, model: str, beside: Path | None, *, model_dir: Path) -> Path | None:
    """The directory of the model that the engine `key` reads handwriting with, None for none.

    `model` is "auto", which is the one in the directory `beside` of the engine's other model, if it has one;
    "bundled", beside whatever model; "none"; or a path, as in `resolve`. Raises EngineUnavailable, with the remedy,
    when there is no such model here.
    """
    if model == "none":
        return None
    if model != "auto":
        path = str(BUNDLED_DIR / key / HANDWRITING) if model == "bundled" else model
        return _at_path(key, path, model_dir, "'auto', 'none'")
    inside = beside / HANDWRITING if beside is not None else None
    return inside if inside is not None and _holds_files(inside) else None


def _has_models(catalogue: ModelCatalogue, key: str) -> bool:
    """An engine that is named nowhere is somebody else's: "auto" leaves it to bring its own parameters."""
    return key in rapidocr_models.MODELS or (BUNDLED_DIR / key).is_dir() or catalogue.default(key) is not None


def _whole_official(catalogue: ModelCatalogue, key: str, store: ModelStore) -> Path | None:
    """The default official model, when it came through the store, no file of it has changed since, and nothing better
    is bundled.
    """
    model = catalogue.default(key)
    record = store.installed(model.key, model.name) if model is not None and model.auto else None
    if record is None:
        return None
    damaged = store.damaged(record, thorough=False)
    if damaged:
        log.warning(
            "%s: %s is damaged (%s), the bundled model is taken; quorum models verify --repair",
            key,
            record.label,
            ", ".join(damaged),
        )
        return None
    return store.directory(record.key, record.name)


def _official(key: str, model: Model | None, store: ModelStore) -> Path:
    if model is None:
        raise EngineUnavailable(f"{key}: there is no official model", "set its model to 'auto' or 'bundled'")
    directory = store.directory(key, model.name)
    record = store.installed(key, model.name)
    if record is None:
        raise EngineUnavailable(
            f"{key}: {model.name} was not installed at {directory}",
            f"quorum models pull {model.name}, or set MODEL_DIR to where it is, or set the model to 'auto'",
        )
    damaged = store.damaged(record, thorough=False)
    if damaged:
        raise EngineUnavailable(
            f"{key}: {record.label} is damaged: {', '.join(damaged)}", "quorum models verify --repair"
        )
    return directory


def _bundled(key: str, cache_dir: Path) -> Path | None:
    if key == "tesseract":
        return None
    if key in rapidocr_models.MODELS:
        return rapidocr_models.lay_out(key, cache_dir)
    path = BUNDLED_DIR / key
    if not _holds_files(path):
        raise EngineUnavailable(
            f"{key}: no model is bundled with this version",
            f"quorum models pull {key}, or set its model to the path of a model directory",
        )
    return path


def _at_path(key: str, model: str, model_dir: Path, known: str) -> Path:
    path = model_dir / Path(model).expanduser()  # an absolute path wins over model_dir
    if not path.is_file() and not _holds_files(path):
        raise EngineUnavailable(
            f"{key}: there is no model at {path}",
            f"give {known}, or the path of a model",
        )
    return path


def _holds_files(path: Path) -> bool:
    return path.is_dir() and any(path.iterdir())
