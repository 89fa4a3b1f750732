"""Engines with one model each, loaded when something has to be read, and the core-seconds that they take."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import engines
from cluster.weights import models
from ocr import Crop, Hypothesis, LoadOptions
from ocr.interfaces import Engine, EngineSpec

ENGINES = ("tesseract", "paddleocr", "easyocr", "trocr", "emnist_cnn")
"""All, in the order of the columns of reports."""


def model_dir() -> Path:
    """Where `quorum models pull` puts models: MODEL_DIR, where it is set."""
    return Path(os.environ.get("MODEL_DIR") or models.DEFAULT_MODEL_DIR).expanduser()


def cache_dir() -> Path:
    """Where models are laid out that must be before they can be loaded: CACHE_DIR, where it is set."""
    return Path(os.environ.get("CACHE_DIR") or "~/.cache/quorum").expanduser()


@dataclass(frozen=True, slots=True)
class Reading:
    """What one model reads on the lines of one page, in their order, and the core-seconds that it took for them."""

    engine: str
    model: str
    seconds: float
    hypotheses: tuple[Hypothesis, ...]


@dataclass(frozen=True)
class Reader:
    """An engine with one model, and the model for handwriting in it if there is one, loaded when something has to be
    read. `fingerprint` changes with the files of both.
    """

    name: str
    model: str = "auto"
    model_dir: Path = field(default_factory=model_dir)
    cache_dir: Path = field(default_factory=cache_dir)

    @property
    def spec(self) -> EngineSpec:
        return engines.spec(self.name)

    @property
    def _path(self) -> Path | None:
        return models.resolve(self.name, self.model, model_dir=self.model_dir, cache_dir=self.cache_dir)

    @cached_property
    def fingerprint(self) -> str:
        path = self._path
        return "system" if path is None else content_hash(path)

    @cached_property
    def engine(self) -> Engine:
        path = self._path
        hand = models.resolve_handwriting(self.name, "auto", path, model_dir=self.model_dir)
        return self.spec.load(LoadOptions(path, threads=1, handwriting=hand))


def core_seconds() -> float:
    """Of this process and of those that it waited for: the same on a busy machine as on a quiet one, nearly."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def read_now(reader: Reader, crops: Sequence[Crop]) -> Reading:
    engine = reader.engine  # loaded before the clock starts
    started = core_seconds()
    hypotheses = tuple(engine.read(crops)) if crops else ()
    return Reading(reader.name, engine.model, core_seconds() - started, hypotheses)


def content_hash(path: Path) -> str:
    """The first letters of a hash over the files of a model."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(str(file.relative_to(path)).encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def parse_reader(engine: str) -> Reader:
    """From NAME or NAME=MODEL."""
    name, _, model = engine.partition("=")
    return Reader(name, model or "auto")
