"""The models that can be fetched, as typed values: models.toml, validated when it is read.

A model is known by its name, which is unique; its key is who loads it: the engine's name, "paddleocr_detector" for the
text detector of segmentation, "easyocr_detector" for nobody here. Whether a model is installed is not known here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

from ocr.errors import OutOfRange

CATALOGUE = Path(__file__).with_name("models.toml")

NOT_PUBLISHED = "not published"
"""Written in place of a sha256 that no published record tells: whoever pulls the file must name it."""

_PICKLES = frozenset({".bin", ".pth", ".pt", ".pkl", ".ckpt"})  # opening one can run code


class Fetch(StrEnum):
    """How the files of a model are had from its url."""

    HUB = "hub"
    FILES = "files"
    ZIPS = "zips"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file. `sha256` and `size_bytes` are None where they are not published. An `md5` vouches for nothing: it is
    what EasyOCR's own package demands too.
    """

    path: str
    sha256: str | None = None
    md5: str | None = None
    size_bytes: int | None = None

    def __post_init__(self) -> None:
        pure = PurePosixPath(self.path)
        if not self.path or pure.is_absolute() or ".." in pure.parts or "\\" in self.path:
            raise ValueError(f"{self.path!r} is not a path inside a model's directory")
        if self.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise ValueError(f"{self.path}: {self.sha256!r} is not a sha256")
        if self.md5 is not None and not re.fullmatch(r"[0-9a-f]{32}", self.md5):
            raise ValueError(f"{self.path}: {self.md5!r} is not an md5")


@dataclass(frozen=True, slots=True)
class Package:
    """A Python package whose wheel holds a model's files in `folder`; its size in `megabytes`, rounded up."""

    name: str
    version: str
    folder: str
    megabytes: int

    @property
    def label(self) -> str:
        """As pip is asked for it."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True)
class Model:
    """One entry of the catalogue. `megabytes` of 1,000,000 bytes is what it takes on a disk, rounded. A `package` is
    asked for the files where `url` cannot be reached; it may hold only files whose sha256 is published. `auto` says
    whether an engine that is left to choose takes this model where it is installed: not where the bundled one reads
    better.
    """

    key: str
    name: str
    url: str
    fetch: Fetch
    revision: str
    licence: str
    good_for: str
    megabytes: int
    files: tuple[ModelFile, ...]
    is_default: bool = False
    package: Package | None = None
    auto: bool = True

    def __post_init__(self) -> None:
        if self.package is not None and any(file.sha256 is None for file in self.files):
            raise ValueError(f"{self.name}: {self.package.label} holds a file without a sha256")
        for word in (self.key, self.name, self.revision):
            if not re.fullmatch(r"[\w.-]+", word) or word.startswith("."):
                raise ValueError(f"{self.name}: {word!r} cannot be the name of a directory")
        for file in self.files:
            if Path(file.path).suffix in _PICKLES and self.key == "trocr":
                raise ValueError(f"{self.name}: {file.path} is a pickle, which can run code; expected safetensors")

    @property
    def version(self) -> str:
        """The revision as answers show it: of a commit its first twelve digits."""
        return self.revision[:12] if re.fullmatch(r"[0-9a-f]{40}", self.revision) else self.revision

    @property
    def label(self) -> str:
        """name@version, as in answers."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class ModelCatalogue:
    """All models, in the order of the file."""

    models: tuple[Model, ...]

    def __post_init__(self) -> None:
        names = [model.name for model in self.models]
        if len(set(names)) != len(names):
            raise ValueError("two models have the same name")
        for key in {model.key for model in self.models}:
            if sum(model.is_default for model in self.models if model.key == key) != 1:
                raise ValueError(f"{key}: expected exactly one default")

    def named(self, name: str) -> Model | None:
        return next((model for model in self.models if model.name == name), None)

    def default(self, key: str) -> Model | None:
        """What "official" means for `key`; None when its makers publish nothing."""
        return next((model for model in self.models if model.key == key and model.is_default), None)

    def select(self, words: Sequence[str]) -> tuple[Model, ...]:
        """The models that were meant: by name, or by key for the key's default; without words the default of each
        engine and of the detector that is used here. Raises OutOfRange for a word that names nothing.
        """
        if not words:
            return tuple(model for model in self.models if model.is_default and model.key != "easyocr_detector")
        chosen = [self.named(word) or self.default(word) or self._unknown(word) for word in words]
        return tuple(dict.fromkeys(chosen))

    def _unknown(self, word: str) -> Model:
        near = get_close_matches(word, [model.name for model in self.models], n=3, cutoff=0.5)
        raise OutOfRange(
            f"no model is called {word!r}",
            f"perhaps {' or '.join(near)}" if near else "quorum models list shows them all",
        )


def read_catalogue(path: Path = CATALOGUE) -> ModelCatalogue:
    """The catalogue in `path`. Raises ValueError, KeyError or TypeError when it is not one."""
    return ModelCatalogue(tuple(_model(entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["model"]))


def _model(entry: Mapping[str, Any]) -> Model:
    rest = {name: value for name, value in entry.items() if name not in ("default", "fetch", "files", "package")}
    return Model(
        **rest,
        fetch=Fetch(entry["fetch"]),
        files=_files(entry["files"]),
        is_default=entry.get("default", False),
        package=Package(**entry["package"]) if "package" in entry else None,
    )


def _files(entries: Iterable[Mapping[str, Any]]) -> tuple[ModelFile, ...]:
    return tuple(
        ModelFile(
            entry["path"],
            None if entry["sha256"] == NOT_PUBLISHED else entry["sha256"],
            entry.get("md5"),
            entry.get("bytes"),
        )
        for entry in entries
    )
