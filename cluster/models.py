"""Where an engine's parameters are: `auto | bundled | official | PATH` becomes a directory, or None.

    official   what the engine's makers publish, once it lies under `model_dir`: MODEL_DIR/<key>/<name>
    bundled    what works at once: cluster/bundled/<key>/, the system's own data (Tesseract), or the ONNX files of the
               rapidocr package (PaddleOCR)
    auto       official when it is there, else bundled
    PATH       a directory or file; a relative path is taken from `model_dir`, so that it means the same on every node

The key is the engine's name, or "paddleocr_detector" for the text detector that segmentation loads. Nothing is
downloaded here, no engine and no framework is imported, and Ray is not known.
"""

from __future__ import annotations

from pathlib import Path

from cluster import rapidocr_models
from ocr.errors import EngineUnavailable

BUNDLED_DIR = Path(__file__).parent / "bundled"

# The one that "official" means where the makers publish several; any other is reached by its path.
OFFICIAL_NAMES = {
    "tesseract": "tessdata_best",
    "easyocr": "english_g2",
    "trocr": "trocr-small-printed",
    "paddleocr": "PP-OCRv6_medium_rec",
    "paddleocr_detector": "PP-OCRv6_medium_det",
}


# An engine that is not named here is somebody else's: "auto" leaves it to bring its own parameters.
WITH_MODELS = frozenset({*OFFICIAL_NAMES, *rapidocr_models.MODELS, "emnist_cnn"})


def resolve(key: str, model: str = "auto", *, model_dir: Path, cache_dir: Path) -> Path | None:
    """The directory (or file) of the parameters that `model` names for the engine `key`.

    None means that the engine brings its own: Tesseract's are the system's, a toy has none. `cache_dir` takes what has
    to be laid out before it can be loaded. Raises EngineUnavailable, with the remedy, when there is no such model here.
    """
    if model == "auto":
        official = official_path(key, model_dir)
        if official is not None and _holds_files(official):
            return official
        return _bundled(key, cache_dir) if key in WITH_MODELS else None
    if model == "bundled":
        return _bundled(key, cache_dir)
    if model == "official":
        return _official(key, model_dir)
    return _at_path(key, model, model_dir)


def official_path(key: str, model_dir: Path) -> Path | None:
    """Where the default official model of `key` lies once it was fetched; None when its makers publish none."""
    name = OFFICIAL_NAMES.get(key)
    return None if name is None else model_dir / key / name


def _official(key: str, model_dir: Path) -> Path:
    path = official_path(key, model_dir)
    if path is None:
        raise EngineUnavailable(f"{key}: there is no official model", "set its model to 'auto' or 'bundled'")
    if not _holds_files(path):
        raise EngineUnavailable(
            f"{key}: the official model is not at {path}",
            f"put its files there, or set MODEL_DIR to where {key}/{path.name} is, or set the model to 'auto'",
        )
    return path


def _bundled(key: str, cache_dir: Path) -> Path | None:
    if key == "tesseract":
        return None
    if key in rapidocr_models.MODELS:
        return rapidocr_models.lay_out(key, cache_dir)
    path = BUNDLED_DIR / key
    if not _holds_files(path):
        raise EngineUnavailable(
            f"{key}: no model is bundled with this version",
            f"set its model to the path of a model directory, or put the official one under MODEL_DIR/{key}/",
        )
    return path


def _at_path(key: str, model: str, model_dir: Path) -> Path:
    path = model_dir / Path(model).expanduser()  # an absolute path wins over model_dir
    if not path.is_file() and not _holds_files(path):
        raise EngineUnavailable(
            f"{key}: there is no model at {path}", "want 'auto', 'bundled', 'official' or the path of a model"
        )
    return path


def _holds_files(path: Path) -> bool:
    return path.is_dir() and any(path.iterdir())
