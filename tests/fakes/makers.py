"""Makers of models: one model of each kind, and what their servers hold of it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

from cluster.weights.store.catalogue import Fetch, Model, ModelCatalogue, ModelFile
from cluster.weights.store.downloading import RetryPolicy
from cluster.weights.store.model_store import ModelStore
from cluster.weights.store.pulling import DownloadSource

REVISION = "1234567890abcdef1234567890abcdef12345678"
ENGLISH = bytes(range(256)) * 800  # 204,800 bytes: several reads of a socket
GERMAN = b"deutsch" * 5000
WEIGHTS = b"weights" * 20000
CONFIG = b'{"model": true}'
PICKLE = b"pickle" * 3000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def entry(key: str, name: str, fetch: Fetch, url: str, files: tuple[ModelFile, ...], revision: str = REVISION) -> Model:
    return Model(key, name, url, fetch, revision, "MIT", "tests", 1, files, is_default=True)


LANGUAGES = entry(
    "tesseract",
    "languages",
    Fetch.FILES,
    "https://files.example/languages",
    (ModelFile("eng.traineddata", sha256(ENGLISH), size_bytes=len(ENGLISH)), ModelFile("deu.traineddata")),
)
NETWORK = entry(
    "trocr",
    "network",
    Fetch.HUB,
    "https://huggingface.co/makers/network",
    (ModelFile("model.safetensors", sha256(WEIGHTS), size_bytes=len(WEIGHTS)), ModelFile("config.json")),
)
READER = entry(
    "easyocr",
    "reader",
    Fetch.ZIPS,
    "https://files.example/releases",
    (ModelFile("reader.pth", md5=hashlib.md5(PICKLE).hexdigest()),),
    revision="v1",
)
TABLE = ModelCatalogue((LANGUAGES, NETWORK, READER))

# Of the files of which the table has none.
SUMS = {
    "languages/deu.traineddata": sha256(GERMAN),
    "network/config.json": sha256(CONFIG),
    "reader/reader.pth": sha256(PICKLE),
}

ENGLISH_PATH = f"/languages/{REVISION}/eng.traineddata"
GERMAN_PATH = f"/languages/{REVISION}/deu.traineddata"
WEIGHTS_PATH = f"/makers/network/resolve/{REVISION}/model.safetensors"
CONFIG_PATH = f"/makers/network/resolve/{REVISION}/config.json"
ZIP_PATH = "/releases/v1/reader.zip"


def published() -> dict[str, bytes]:
    """What the makers' servers hold, by path."""
    return {
        ENGLISH_PATH: ENGLISH,
        GERMAN_PATH: GERMAN,
        WEIGHTS_PATH: WEIGHTS,
        CONFIG_PATH: CONFIG,
        ZIP_PATH: zipped("reader.pth", PICKLE),
    }


def download_source_from(url: str) -> DownloadSource:
    """The server at `url` in place of all makers, asked without pauses."""
    mirrors = {"https://files.example": url, "https://huggingface.co": url}
    return DownloadSource(mirrors=mirrors, sums=SUMS, retry=RetryPolicy(attempts=3, pause_s=0.0, timeout_s=10.0))


def left_of(store: ModelStore, model: Model) -> list[Path]:
    """What there is of a model, in its place and in staging."""
    places = store.directory(model.key, model.name), store.staging(model)
    return sorted(path for place in places for path in place.rglob("*"))
