"""Models in one file, for a network that reaches no hub: a tar archive, its contents listed in its first member.

    quorum-models.json                {"format": 1, "models": [{"key", "name", "version", "files": {path: sha256}}]}
    <key>/<name>/<path>               the files, in that order

An archive is believed no more than a stranger: only models of the catalogue are taken, each with exactly its files,
regular ones, of the sha256 that the catalogue, the record of an earlier pull, or who unpacks it names. All of it is
installed, or nothing.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cluster.weights.store.catalogue import Model, ModelCatalogue, ModelFile
from cluster.weights.store.locking import exclusive_lock
from cluster.weights.store.model_store import FileFingerprint, ModelStore, Record
from cluster.weights.store.pulling import DownloadSource, check, expected_sha256, nothing_left_when_full, require_space
from ocr.errors import StoreError

MANIFEST = "quorum-models.json"
FORMAT = 1
_MANIFEST_LIMIT_BYTES = 1_000_000
_NOT_OURS = "make one with quorum models pack, of the same version of Quorum"


def pack(records: Iterable[Record], store: ModelStore, archive: Path) -> None:
    """Write the installed models `records` to `archive`, all of their files read and compared before.

    Raises StoreError when a file is damaged. The same models make the same bytes.
    """
    chosen = list(records)
    for record in chosen:
        damaged = store.damaged(record, thorough=True)
        if damaged:
            raise StoreError(f"{record.label}: {', '.join(damaged)} damaged", "quorum models verify --repair")
    archive.parent.mkdir(parents=True, exist_ok=True)
    draft = archive.with_name(f".{archive.name}.new")
    try:
        with tarfile.open(draft, "w") as tar:
            _add(tar, MANIFEST, manifest := _manifest(chosen), manifest.getbuffer().nbytes)
            for record in chosen:
                for name, fact in record.files.items():
                    with (store.directory(record.key, record.name) / name).open("rb") as content:
                        _add(tar, f"{record.key}/{record.name}/{name}", content, fact.size_bytes)
        draft.replace(archive)
    finally:
        draft.unlink(missing_ok=True)


def _manifest(records: Iterable[Record]) -> io.BytesIO:
    models = [
        {
            "key": record.key,
            "name": record.name,
            "version": record.version,
            "files": {name: fact.sha256 for name, fact in record.files.items()},
        }
        for record in records
    ]
    return io.BytesIO(json.dumps({"format": FORMAT, "models": models}, indent=1).encode())


def _add(tar: tarfile.TarFile, name: str, content: BinaryIO, size_bytes: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size_bytes, 0o644
    tar.addfile(member, content)


@dataclass(frozen=True, slots=True)
class _ManifestEntry:
    """One model of an archive: the entry of the catalogue that it claims to be, and the sha256 of each file."""

    model: Model
    files: Mapping[str, str]


def unpack(
    archive: Path, catalogue: ModelCatalogue, store: ModelStore, source: DownloadSource | None = None
) -> list[Model]:
    """Install the models of `archive`, and say which. Raises StoreError when anything of it is not as it should be."""
    source = source or DownloadSource()
    try:
        with tarfile.open(archive, "r:") as tar:
            claimed = _read_manifest(tar, catalogue)
            with ExitStack() as locks:
                for manifest_entry in claimed:
                    locks.enter_context(exclusive_lock(store.lock(manifest_entry.model), source.waiting))
                require_space(archive.stat().st_size, store, archive.name)
                return _install(tar, claimed, store, source)
    except tarfile.TarError as error:
        raise StoreError(f"{archive} is not an archive of models: {error}", _NOT_OURS) from error


def _read_manifest(tar: tarfile.TarFile, catalogue: ModelCatalogue) -> list[_ManifestEntry]:
    first = tar.next()
    if first is None or first.name != MANIFEST or not first.isreg() or first.size > _MANIFEST_LIMIT_BYTES:
        raise StoreError(f"the archive does not begin with {MANIFEST}", _NOT_OURS)
    try:
        content = json.load(_content(tar, first))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}, expected {FORMAT}")
        entries = [
            (entry["key"], entry["name"], entry["version"], {str(k): str(v) for k, v in entry["files"].items()})
            for entry in content["models"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{MANIFEST} cannot be understood: {error!r}", _NOT_OURS) from error
    return [_manifest_entry(catalogue, *entry) for entry in entries]


def _manifest_entry(
    catalogue: ModelCatalogue, key: str, name: str, version: str, files: dict[str, str]
) -> _ManifestEntry:
    model = catalogue.named(name)
    if model is None or (model.key, model.version) != (key, version):
        raise StoreError(f"{name}@{version} for {key} is not in the catalogue of this version of Quorum", _NOT_OURS)
    if set(files) != {file.path for file in model.files}:
        raise StoreError(f"{name}@{version}: its files are not those of the catalogue", _NOT_OURS)
    return _ManifestEntry(model, files)


def _install(
    tar: tarfile.TarFile, claimed: list[_ManifestEntry], store: ModelStore, source: DownloadSource
) -> list[Model]:
    """Write all files to staging, check them, and only then put the models in their places."""
    stagings = [store.staging(manifest_entry.model) for manifest_entry in claimed]
    for staging in stagings:
        shutil.rmtree(staging, ignore_errors=True)
    try:
        _extract(tar, claimed, store, source)
        facts = [_checked(manifest_entry, store, source) for manifest_entry in claimed]
        for manifest_entry, staging, of_model in zip(claimed, stagings, facts, strict=True):
            store.place(manifest_entry.model, staging, of_model)
    finally:
        for staging in stagings:
            shutil.rmtree(staging, ignore_errors=True)
    return [manifest_entry.model for manifest_entry in claimed]


def _extract(tar: tarfile.TarFile, claimed: list[_ManifestEntry], store: ModelStore, source: DownloadSource) -> None:
    awaited = {
        f"{manifest_entry.model.key}/{manifest_entry.model.name}/{file.path}": (manifest_entry.model, file)
        for manifest_entry in claimed
        for file in manifest_entry.model.files
    }
    while (member := tar.next()) is not None:
        if member.name not in awaited or not member.isreg() or member.issparse():
            raise StoreError(f"{member.name!r} does not belong in the archive; nothing was installed", _NOT_OURS)
        model, file = awaited.pop(member.name)
        with nothing_left_when_full(model, store.staging(model)):
            _write(tar, member, file, store.staging(model), source)
    if awaited:
        raise StoreError(f"{', '.join(awaited)} is missing in the archive; nothing was installed", _NOT_OURS)


def _write(
    tar: tarfile.TarFile, member: tarfile.TarInfo, file: ModelFile, staging: Path, source: DownloadSource
) -> None:
    target = staging / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    content = _content(tar, member)
    with target.open("xb") as out:
        while chunk := content.read(1 << 20):
            out.write(chunk)
            source.progress(file.path, out.tell(), member.size)


def _checked(manifest_entry: _ManifestEntry, store: ModelStore, source: DownloadSource) -> dict[str, FileFingerprint]:
    """The facts of the files in staging: what the archive promised, and what others say of the same file."""
    facts = {}
    for file in manifest_entry.model.files:
        path = store.staging(manifest_entry.model) / file.path
        facts[file.path] = check(manifest_entry.model, file, path, manifest_entry.files[file.path])
        check(manifest_entry.model, file, path, expected_sha256(manifest_entry.model, file, store, source))
    return facts


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> BinaryIO:
    content = tar.extractfile(member)
    if content is None:
        raise StoreError(f"{member.name!r} is not a file", _NOT_OURS)
    return content  # type: ignore[return-value]
