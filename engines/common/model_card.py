"""Who a model is: the `metadata.json` beside its files, `{"name", "version", "files": {file: sha256}}`.

An answer names the model that spoke as "name@version". Files that can run code when they are opened (a .pth is a
pickle, a custom network is Python) are opened only when their sha256 is the recorded one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ocr.errors import EngineUnavailable

CARD_FILE = "metadata.json"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Name, version and the sha256 of each file of a model directory."""

    name: str
    version: str
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The form in which answers name a model."""
        return f"{self.name}@{self.version}"


def read_card(directory: Path) -> ModelCard:
    """The card of a model directory. A directory without one is named after itself, version "local".

    Raises EngineUnavailable when there is a card that cannot be understood.
    """
    path = directory / CARD_FILE
    if not path.is_file():
        return ModelCard(directory.name, "local")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return ModelCard(str(content["name"]), str(content["version"]), dict(content.get("files", {})))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineUnavailable(
            f"{path} is not a model card: {error!r}", 'it must be {"name", "version", "files": {file: sha256}}'
        ) from error


def verified(directory: Path, card: ModelCard, file: str) -> Path:
    """The path of `file`, once its sha256 is the one on the card.

    Raises EngineUnavailable when the file is missing, not on the card, or not what the card says.
    """
    path = directory / file
    if not path.is_file():
        raise EngineUnavailable(f"{path} is missing", "fetch or train the model again")
    want = card.files.get(file)
    if want is None:
        raise EngineUnavailable(
            f"{path} can run code when it is opened, and no sha256 is recorded for it",
            f"if you trust it, record it in {directory / CARD_FILE} under files",
        )
    with path.open("rb") as content:
        got = hashlib.file_digest(content, "sha256").hexdigest()
    if got != want:
        raise EngineUnavailable(
            f"{path}: sha256 is {got[:12]}..., recorded is {want[:12]}...", "do not open it; fetch the model again"
        )
    return path
