"""A whole run of `quorum tune`: read what was never read, fit, write the document."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.accuracy.fused_lines import by_page
from evaluation.pages.collections import LEARNT, MEASURE_ONLY
from evaluation.pages.ground_truth import GroundTruthPage, Split
from evaluation.readings.labelled_lines import LabelledLine, labelled_lines, pages_of
from evaluation.readings.line_layouts import GROUND_TRUTH
from evaluation.readings.reader import Reader, parse_reader
from evaluation.readings.store import ReadingStore, read_missing
from fusion import Profile, ProfileDocument
from fusion.evidence.language import Languages, read_languages, write_languages
from fusion.profiles.profile_document import BUNDLED, LANGUAGES_FILE, write_document
from ocr.image import Material, Scope
from training.votes.cascade_fit import KEEP, CascadePoint, fit_cascade
from training.votes.character_sets import TUNING_SEED, character_sets
from training.votes.character_weights import fit_character_weights
from training.votes.profile_fit import GENERAL, tune
from training.votes.spelling_fit import fit_languages

TUNING_COUNT = 300
"""Single characters of each kind that weights are fitted to."""

CASCADE_LINES = 600
"""About so many lines a cascade is fitted to: each choice of engines has to be fused on all of them."""


def tune_profiles(
    folders: Sequence[Path],
    engines: Sequence[str],
    readings: Path,
    out_dir: Path,
    command: str,
    *,
    new_languages: bool,
    keep: float,
    error_rate: float | None = None,
    characters: Path | None,
) -> Iterator[str]:
    """Tune, write OUT/profiles.json with the languages beside it, and say what was fitted to what."""
    readers = [parse_reader(engine) for engine in engines]
    store = ReadingStore(readings)
    out_dir.mkdir(parents=True, exist_ok=True)
    languages = _languages(out_dir, new=new_languages)
    lines = tuning_lines(store, folders, readers)
    tuned = tuned_profile(lines, _names(readers), languages, keep, error_rate)
    models = {reader.name: _model_of(store, folders, reader) for reader in readers}
    made = {"command": command, "lines": str(len(lines)), "folders": ", ".join(folder.name for folder in folders)}
    profile, found = tuned.profile, tuned.cascade
    if characters is not None:
        profile = replace(profile, character_weights=_character_weights(store, readers, characters))
    profiles = {name: replace(profile, name=name) for name in (GENERAL, *map(str, Material))}
    write_document(ProfileDocument(profiles, models, made), out_dir / BUNDLED.name)
    yield f"{len(lines)} lines, {tuned.decisive_slots} places where engines differ"
    if found is not None:
        yield (
            f"cascade: {found.cascade.describe()}; keeps {found.kept:.0%} of the gain at {found.seconds:.0%} of the "
            f"core-seconds, with {found.error_rate:.2%} character errors on these lines"
        )
    yield f"written to {out_dir / BUNDLED.name}"


@dataclass(frozen=True, slots=True)
class TunedProfile:
    """A profile with its cascade, what that keeps and costs (None where there is none), and how many decisive slots
    the profile was fitted to.
    """

    profile: Profile
    cascade: CascadePoint | None
    decisive_slots: int


def tuned_profile(
    lines: Sequence[LabelledLine],
    engines: Sequence[str],
    languages: Languages,
    keep: float = KEEP,
    error_rate: float | None = None,
) -> TunedProfile:
    """Everything that is fitted to lines of pages, which stand together by page."""
    tuned = tune(lines, engines, languages)
    found = fit_cascade(_some_pages(lines, CASCADE_LINES), tuned.profile, keep, error_rate)
    profile = tuned.profile if found is None else replace(tuned.profile, cascade=found.cascade)
    return TunedProfile(profile, found, tuned.decisive_slots)


def _some_pages(lines: Sequence[LabelledLine], most: int) -> list[LabelledLine]:
    """Whole pages, as evenly spread over all as can be, with about so many lines; all where there are no more."""
    pages = by_page(lines)
    step = max(1.0, len(lines) / most)
    chosen = (
        sorted({int(step * number) for number in range(int(len(pages) / step))}) if step > 1.0 else range(len(pages))
    )
    return [line for index in chosen for line in pages[index]]


def tuning_pages(folders: Sequence[Path], splits: Sequence[Split] = tuple(Split)) -> list[tuple[str, GroundTruthPage]]:
    """The pages to tune, and to train where no network learnt from the set. None of sets to which nothing may be
    fitted.
    """
    found: list[tuple[str, GroundTruthPage]] = []
    for folder in folders:
        if folder.name in MEASURE_ONLY:
            raise ValueError(f"nothing may be fitted to {folder.name}; leave it out")
        allowed = [Split.TUNE] if folder.name in LEARNT else [Split.TUNE, Split.TRAIN]
        found += pages_of([folder], [split for split in allowed if split in splits])
    return found


def tuning_lines(
    store: ReadingStore, folders: Sequence[Path], readers: Sequence[Reader], splits: Sequence[Split] = tuple(Split)
) -> list[LabelledLine]:
    """The lines of the tuning pages with what is read on them, read now where they never were."""
    pages = tuning_pages(folders, splits)
    read_missing(store, [page for _, page in pages], [GROUND_TRUTH], readers)
    return list(labelled_lines(store, pages, readers))


def _languages(out_dir: Path, *, new: bool) -> Languages:
    path = out_dir / LANGUAGES_FILE
    if new:
        write_languages(fit_languages(), path)
    elif not path.exists():
        shutil.copy(BUNDLED.parent / LANGUAGES_FILE, path)
    return read_languages(path.resolve())


def _character_weights(store: ReadingStore, readers: Sequence[Reader], folder: Path) -> dict[str, float]:
    able = [reader for reader in readers if Scope.CHARACTER in reader.spec.scopes]
    return fit_character_weights(character_sets(store, able, folder, TUNING_SEED, TUNING_COUNT), _names(able))


def _names(readers: Sequence[Reader]) -> list[str]:
    return [reader.name for reader in readers]


def _model_of(store: ReadingStore, folders: Sequence[Path], reader: Reader) -> str:
    _, page = pages_of(folders, [Split.TUNE])[0]
    return store.reading(page, GROUND_TRUTH, reader).model
