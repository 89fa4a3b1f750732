"""A whole run of `quorum tune`: read what was never read, fit, write the document."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from evaluation.pages.ground_truth import Split
from evaluation.readings.labelled_lines import LabelledLine, labelled_lines, pages_of
from evaluation.readings.line_layouts import GROUND_TRUTH
from evaluation.readings.reader import Reader, parse_reader
from evaluation.readings.store import ReadingStore, read_missing
from fusion import ProfileDocument, automatic_profile
from fusion.evidence.spelling_model import SpellingModel, read_spelling_model, write_spelling_model
from fusion.profiles.profile_document import BUNDLED, SPELLING_FILE, write_document
from ocr.image import Material as Kind
from ocr.image import Scope
from training.votes.cascade_fit import fit_cascade
from training.votes.character_sets import TUNING_SEED, character_sets
from training.votes.character_weights import fit_character_weights
from training.votes.profile_fit import UNTRAINED, MaterialLines, tune
from training.votes.spelling_fit import fit_spelling

TUNING_COUNT = 300
"""Single characters of each kind that weights are fitted to."""


def tune_profiles(
    folders: Sequence[Path],
    engines: Sequence[str],
    readings: Path,
    out_dir: Path,
    command: str,
    *,
    new_spelling: bool,
    keep: float,
    error_rate: float | None = None,
    characters: Path | None,
) -> Iterator[str]:
    """Tune, write OUT/profiles.json with the spelling model beside it, and say what was fitted to what."""
    readers = [parse_reader(engine) for engine in engines]
    store = ReadingStore(readings)
    out_dir.mkdir(parents=True, exist_ok=True)
    model = _spelling(folders, out_dir, new=new_spelling)
    lines = tuning_lines(store, folders, readers)
    tuned = list(tune(lines, _materials(lines), _names(readers), model))
    models = {reader.name: _model_of(store, folders, reader) for reader in readers}
    made = {"command": command, "lines": str(len(lines)), "folders": ", ".join(folder.name for folder in folders)}
    profiles = {own.profile.name: own.profile for own in tuned}
    found = fit_cascade(lines, automatic_profile(profiles, list(Kind)), keep, error_rate)
    if found is not None:
        profiles = {name: replace(own, cascade=found.cascade) for name, own in profiles.items()}
    if characters is not None:
        weights = _character_weights(store, readers, characters)
        profiles = {name: replace(own, character_weights=weights) for name, own in profiles.items()}
    document = ProfileDocument(profiles, models, made)
    write_document(document, out_dir / BUNDLED.name)
    for own in tuned:
        fitted = f"{own.decisive_slots} slots where engines differ" if own.own else "too few of its own: as general"
        yield f"{own.profile.name}: {own.lines} lines, {fitted}"
    if found is not None:
        yield (
            f"cascade: {found.cascade.describe()}; keeps {found.kept:.0%} of the gain at {found.seconds:.0%} of the "
            f"core-seconds, with {found.error_rate:.2%} character errors on these lines"
        )
    yield f"written to {out_dir / BUNDLED.name}"


def tuning_lines(store: ReadingStore, folders: Sequence[Path], readers: Sequence[Reader]) -> list[LabelledLine]:
    """The lines to tune with all readers, and those to train with the readers whose models come from elsewhere."""
    untrained = [reader for reader in readers if reader.name in UNTRAINED]
    found: list[LabelledLine] = []
    for split, chosen in ((Split.TUNE, readers), (Split.TRAIN, untrained)):
        pages = pages_of(folders, [split])
        if chosen:
            read_missing(store, [page for _, page in pages], [GROUND_TRUTH], chosen)
            found += labelled_lines(store, pages, chosen)
    return found


def _spelling(folders: Sequence[Path], out_dir: Path, *, new: bool) -> SpellingModel:
    path = out_dir / SPELLING_FILE
    if new:
        write_spelling_model(
            fit_spelling(line.text for _, page in pages_of(folders, [Split.TRAIN]) for line in page.lines), path
        )
    elif not path.exists():
        shutil.copy(BUNDLED.parent / SPELLING_FILE, path)
    return read_spelling_model(path.resolve())


def _materials(lines: Sequence[LabelledLine]) -> list[MaterialLines]:
    """The lines that look like one kind each; what a page says of itself does not count, since no page will."""
    return [MaterialLines(str(kind), [line for line in lines if line.region.material is kind]) for kind in Kind]


def _character_weights(store: ReadingStore, readers: Sequence[Reader], folder: Path) -> dict[str, float]:
    able = [reader for reader in readers if Scope.CHARACTER in reader.spec.scopes]
    return fit_character_weights(character_sets(store, able, folder, TUNING_SEED, TUNING_COUNT), _names(able))


def _names(readers: Sequence[Reader]) -> list[str]:
    return [reader.name for reader in readers]


def _model_of(store: ReadingStore, folders: Sequence[Path], reader: Reader) -> str:
    _, page = pages_of(folders, [Split.TUNE])[0]
    return store.reading(page, GROUND_TRUTH, reader).model
