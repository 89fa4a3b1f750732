"""Where the converted form of a model directory is, and how it gets there.

It is found by what is in the files of the model, so that a trained or changed model is never read by an old graph.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.common.model_card import CARD_FILE
from engines.devices.openvino_device import OpenvinoCannotRead
from ocr.interfaces import Convert
from ocr.runtime.child_environment import import_path

BESIDE = "openvino"
"""The folder in a model directory that holds its converted form."""
RECORD = "converted.json"
FORMAT = 1
"""Changes with what this version of the project makes of the same weights."""

log = logging.getLogger("quorum.engines")


@dataclass(frozen=True, slots=True)
class ConvertedModel:
    """A folder with graphs, and what the converter told of them."""

    folder: Path
    about: Mapping[str, Any]

    def graph(self, name: str) -> Path:
        return self.folder / f"{name}.xml"


def converted(engine: str, model: Path, cache_dir: Path | None) -> ConvertedModel:
    """The converted form of a model directory: beside it, or in the cache, where it is made if it is not there.

    Raises OpenvinoCannotRead.
    """
    source = fingerprint(model)
    beside = opened(model / BESIDE, source)
    if beside is not None:
        return beside
    if cache_dir is None:
        raise OpenvinoCannotRead(f"{model} was not converted, and no folder was given to keep what is")
    folder = cache_dir / BESIDE / f"{engine.rpartition('.')[2]}-{source[:16]}"
    found = opened(folder, source)
    if found is not None:
        return found
    try:
        with _locked(folder.with_suffix(".lock")):
            found = opened(folder, source)  # another replica may have made it meanwhile
            if found is None:
                log.info("%s: %s is converted for OpenVINO, once", engine, model)
                _convert_elsewhere(engine, model, folder)
                found = opened(folder, source)
    except OSError as error:
        raise OpenvinoCannotRead(f"{folder} cannot be written: {error}") from error
    if found is None:
        raise OpenvinoCannotRead(f"{model} changed while it was converted")
    return found


def fingerprint(model: Path) -> str:
    """A sha256 over the files of a model directory that graphs are made from: all but its card."""
    digest = hashlib.sha256(str(FORMAT).encode())
    for file in sorted(model.iterdir()):
        if file.is_file() and file.name != CARD_FILE:
            with file.open("rb") as content:
                digest.update(f"{file.name} {hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def write(convert: Convert, model: Path, folder: Path) -> None:
    """Convert a model directory here and now, or note why that cannot be. The folder appears whole, in one rename."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made:
        begun = Path(made) / "begun"
        begun.mkdir()
        record: dict[str, object] = {"source_sha256": fingerprint(model), "about": {}, "problem": ""}
        try:
            record["about"] = dict(convert(model, begun))
        except (OpenvinoCannotRead, RuntimeError) as error:
            record["problem"] = str(error).strip().splitlines()[-1]
        (begun / RECORD).write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")
        if folder.is_dir():
            shutil.rmtree(folder)  # of other weights, or damaged
        begun.rename(folder)


def opened(folder: Path, source: str) -> ConvertedModel | None:
    """What is in a folder; None where that was made from other files. Raises OpenvinoCannotRead where it could not be
    made from these.
    """
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if record["source_sha256"] != source:
            return None
        about, problem = record["about"], record["problem"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if problem:
        raise OpenvinoCannotRead(f"{problem}; delete {folder} to have it tried again")
    return ConvertedModel(folder, about)


def _convert_elsewhere(engine: str, model: Path, folder: Path) -> None:
    """In a process of its own, which takes the framework away with it."""
    command = [sys.executable, "-m", "engines.converted", engine, str(model), str(folder)]
    environment = {**os.environ, "PYTHONPATH": import_path()}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise OpenvinoCannotRead(lines[-1] if lines else f"converting ended with {done.returncode}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Within the block no other process is in one with the same path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
