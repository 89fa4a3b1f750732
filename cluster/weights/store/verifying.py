"""Is every installed model still what it was: all files are read, and compared to the record and to the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.weights.store.catalogue import Model, ModelCatalogue
from cluster.weights.store.model_store import ModelStore, Record
from cluster.weights.store.pulling import DownloadSource, pull


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of one model: the `damaged` files, none when it is whole; `label` is empty without a record."""

    model: Model
    label: str
    damaged: tuple[str, ...]

    @property
    def whole(self) -> bool:
        return bool(self.label) and not self.damaged


def verify(catalogue: ModelCatalogue, store: ModelStore) -> list[Checked]:
    """What was found of each model that lies here. A directory without a record did not come through the store."""
    here = [model for model in catalogue.models if store.directory(model.key, model.name).exists()]
    return [_verify(model, store) for model in here]


def _verify(model: Model, store: ModelStore) -> Checked:
    record = store.installed(model.key, model.name)
    if record is None:
        return Checked(model, "", tuple(file.path for file in model.files))
    wrong = dict.fromkeys((*store.damaged(record, thorough=True), *_not_as_published(model, record)))
    return Checked(model, record.label, tuple(wrong))


def _not_as_published(model: Model, record: Record) -> list[str]:
    """Files whose record itself is not what the catalogue demands of this very version."""
    if record.version != model.version:
        return []
    return [
        file.path
        for file in model.files
        if file.path not in record.files or file.sha256 not in (None, record.files[file.path].sha256)
    ]


def repair(found: Checked, store: ModelStore, source: DownloadSource) -> None:
    """Fetch again what is damaged; files that are right are kept. Raises StoreError."""
    pull(found.model, store, source, thorough=True)
