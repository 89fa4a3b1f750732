"""Where models lie under MODEL_DIR, and what was recorded about them when they came.

    MODEL_DIR/<key>/<name>/...                  a model: its files, and metadata.json, which says who it is
    MODEL_DIR/.store/records/<key>/<label>.json what its files were when they were checked
    MODEL_DIR/.store/staging/<key>/<label>/     one that is on its way; a later attempt goes on from there
    MODEL_DIR/.store/locks/<key>/<name>.lock

A model directory appears in one step, complete and checked. A record outlives its model, so that a sha256 that
somebody named at the first pull is demanded of every later one. Sizes are bytes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cluster.weights.files import sha256
from cluster.weights.store.catalogue import Model
from ocr.errors import StoreError

CARD_FILE = "metadata.json"


class InstallState(StrEnum):
    """What there is of a model. `OTHER` is another revision than the catalogue's."""

    ABSENT = "absent"
    INSTALLED = "installed"
    OTHER = "other revision"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class FileFingerprint:
    """What a file was when it was checked."""

    sha256: str
    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> FileFingerprint:
        found = path.stat()
        return cls(sha256(path), found.st_size, found.st_mtime_ns)

    def holds(self, path: Path) -> bool:
        """Whether the file is still that one. Its content is read only when it was touched since."""
        try:
            found = path.stat()
        except OSError:
            return False
        if found.st_size != self.size_bytes:
            return False
        return found.st_mtime_ns == self.mtime_ns or sha256(path) == self.sha256


@dataclass(frozen=True, slots=True)
class Record:
    """A model as it was installed: `files` by their path in its directory."""

    key: str
    name: str
    version: str
    files: Mapping[str, FileFingerprint]

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class ModelStore:
    """The models under one MODEL_DIR."""

    root: Path

    def directory(self, key: str, name: str) -> Path:
        return self.root / key / name

    def staging(self, model: Model) -> Path:
        return self.root / ".store" / "staging" / model.key / model.label

    def lock(self, model: Model) -> Path:
        return self.root / ".store" / "locks" / model.key / f"{model.name}.lock"

    def record_path(self, key: str, label: str) -> Path:
        return self.root / ".store" / "records" / key / f"{label}.json"

    def record(self, key: str, label: str) -> Record | None:
        """What is recorded of the model `label`, whether it is still here or not."""
        path = self.record_path(key, label)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            files = {name: FileFingerprint(**fact) for name, fact in content["files"].items()}
            return Record(key, str(content["name"]), str(content["version"]), files)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"{path} is not a record of this store: {error!r}", "delete it, and pull again") from error

    def installed(self, key: str, name: str) -> Record | None:
        """The record of the model that lies here; None when none does, or it did not come through the store."""
        try:
            card = json.loads((self.directory(key, name) / CARD_FILE).read_text(encoding="utf-8"))
            return self.record(key, f"{name}@{card['version']}")
        except (OSError, ValueError, KeyError, TypeError, StoreError):
            return None

    def damaged(self, record: Record, *, thorough: bool) -> tuple[str, ...]:
        """The files of a model that are missing or not what they were; `thorough` reads all that are there."""
        directory = self.directory(record.key, record.name)
        return tuple(
            name
            for name, fact in record.files.items()
            if not fact.holds(directory / name) or (thorough and sha256(directory / name) != fact.sha256)
        )

    def state(self, model: Model) -> InstallState:
        """What there is of `model`, without reading the content of untouched files."""
        record = self.installed(model.key, model.name)
        if record is None:
            return InstallState.DAMAGED if self.directory(model.key, model.name).exists() else InstallState.ABSENT
        if self.damaged(record, thorough=False):
            return InstallState.DAMAGED
        return InstallState.INSTALLED if record.version == model.version else InstallState.OTHER

    def place(self, model: Model, staging: Path, facts: Mapping[str, FileFingerprint]) -> Path:
        """Record the checked `facts` of the files in `staging`, and move them to where the model belongs, in one step.

        The `metadata.json` that is written with them makes answers name the model, and engines open its files.
        """
        card = {
            "name": model.name,
            "version": model.version,
            "files": {name: fact.sha256 for name, fact in facts.items()},
            "url": model.url,
            "revision": model.revision,
            "licence": model.licence,
        }
        (staging / CARD_FILE).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
        self._write_record(Record(model.key, model.name, model.version, facts))
        directory = self.directory(model.key, model.name)
        directory.parent.mkdir(parents=True, exist_ok=True)
        old = staging.with_name(f"{staging.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if directory.exists():
            directory.rename(old)
        staging.rename(directory)
        shutil.rmtree(old, ignore_errors=True)
        return directory

    def _write_record(self, record: Record) -> None:
        path = self.record_path(record.key, record.label)
        path.parent.mkdir(parents=True, exist_ok=True)
        files = {
            name: {"sha256": fact.sha256, "size_bytes": fact.size_bytes, "mtime_ns": fact.mtime_ns}
            for name, fact in record.files.items()
        }
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps({"name": record.name, "version": record.version, "files": files}, indent=1))
        draft.replace(path)
