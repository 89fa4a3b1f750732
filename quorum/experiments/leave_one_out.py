"""`quorum evaluate pages --leave-out`: fit everything without one source of pages, measure on that source, for each.

What engines read is kept by the reading store, and so is what was fitted, until the lines or the code that fits change:
a stopped run goes on where it was.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import fusion
import training.votes
from evaluation import metrics
from evaluation.accuracy.cascade import CascadeSet, cascade_figures
from evaluation.accuracy.detected_pages import by_set, complete_samples, from_store, match_pages
from evaluation.accuracy.fused_lines import by_page, fused_lines
from evaluation.accuracy.leave_one_out.held_out import HeldOutSet, HeldOutTable, LeaveOutReport
from evaluation.accuracy.run import AccuracyResult, AccuracyRun, measure
from evaluation.accuracy.word_scores import line_sample
from evaluation.metrics.text_comparison import character_edits
from evaluation.pages.collections import MEASURE_ONLY, TEST_PAGES_ONLY, collection_of
from evaluation.pages.ground_truth import GroundTruthPage, Split
from evaluation.readings.labelled_lines import LabelledLine, labelled_lines, pages_of
from evaluation.readings.line_layouts import DETECTED, GROUND_TRUTH, LineSource, page_key
from evaluation.readings.reader import Reader, content_hash
from evaluation.readings.store import ReadingStore, read_missing
from evaluation.votes.labelled_slots import best_path_edits
from fusion import FusedLine, Method, Profile, ProfileDocument, Thresholds
from fusion.evidence.language import read_languages
from fusion.profiles.profile_document import BUNDLED, LANGUAGES_FILE, read_document, write_document
from ocr.errors import OutOfRange
from training.votes.profile_fit import GENERAL
from training.votes.run import tuned_profile, tuning_lines, tuning_pages

TRUE_LINES, FROM_THE_PAGE = "True lines", "From the page"
_METHOD = Method.CONFIDENCE_WEIGHTED

NamedPage = tuple[str, GroundTruthPage]
Fused = tuple[LabelledLine, FusedLine]


@dataclass(frozen=True, slots=True)
class LeaveOutRun:
    """What is measured: folders of pages, readers, and the sources of lines. `folder` keeps what was fitted. At most
    `limit` pages of each set are measured, and `found_limit` of those by lines that are found: test pages first.
    """

    folders: Sequence[Path]
    readers: Sequence[Reader]
    store: ReadingStore
    sources: Sequence[LineSource]
    folder: Path
    limit: int | None = None
    found_limit: int | None = None

    @property
    def collections(self) -> dict[str, list[Path]]:
        """The folders of each source."""
        found: dict[str, list[Path]] = {}
        for folder in self.folders:
            found.setdefault(collection_of(folder.name), []).append(folder)
        return found

    def measured_pages(self, folders: Sequence[Path]) -> list[NamedPage]:
        """All pages of sets that no bundled network learnt from, else the test pages."""
        return [page for own in folders for page in _measured(own)[: self.limit]]

    def found_pages(self, folders: Sequence[Path]) -> list[NamedPage]:
        """Those of them on which lines are found."""
        return [page for own in folders for page in _measured(own)[: self.limit][: self.found_limit]]


def _measured(folder: Path) -> list[NamedPage]:
    splits = [Split.TEST] if folder.name in TEST_PAGES_ONLY else [Split.TEST, Split.TUNE, Split.TRAIN]
    return [page for split in splits for page in pages_of([folder], [split])]


def leave_one_out(run: LeaveOutRun) -> LeaveOutReport:
    """Every set, measured with what was fitted without its source."""
    for source in run.sources:
        wanted = run.found_pages(run.folders) if source.detected else run.measured_pages(run.folders)
        read_missing(run.store, [page for _, page in wanted], [source], run.readers)
    fitted: dict[str, str] = {}
    sets: dict[str, dict[str, HeldOutSet]] = {}
    cascades: dict[str, CascadeSet] = {}
    without: dict[str, dict[str, int]] = {}
    seconds, lines = 0.0, 0
    for collection, folders in run.collections.items():
        document = fitted_without(run, collection)
        profile = document.profiles[GENERAL]
        fitted[collection] = _about(document)
        if GROUND_TRUTH in run.sources:
            by_name, spent_s = _fuse_true_lines(run, run.measured_pages(folders), profile)
            seconds, lines = seconds + spent_s, lines + sum(map(len, by_name.values()))
            sets.setdefault(TRUE_LINES, {}).update(_true_sets(by_name))
            outcome = cascade_figures(by_name, profile)
            cascades.update({} if outcome is None else outcome.sets)
            without.update(_without_each(by_name, profile))
        if DETECTED in run.sources:
            sets.setdefault(FROM_THE_PAGE, {}).update(_detected_sets(run, run.found_pages(folders), profile))
    tables = [HeldOutTable(title, own) for title, own in sets.items()]
    return LeaveOutReport(tables, fitted, cascades, without, 1000.0 * seconds / lines if lines else None)


def fitted_without(run: LeaveOutRun, collection: str) -> ProfileDocument:
    """The profile of all pages but those of one source; fitted now if it never was."""
    folders = [
        folder for folder in run.folders if collection_of(folder.name) != collection and folder.name not in MEASURE_ONLY
    ]
    path = run.folder / f"profile-{_key(tuning_pages(folders), run.readers)}.json"
    if not path.exists():
        lines = tuning_lines(run.store, folders, run.readers)
        run.folder.mkdir(parents=True, exist_ok=True)
        languages = _kept_languages(run.folder)
        tuned = tuned_profile(lines, [reader.name for reader in run.readers], read_languages(languages))
        made = {
            "sets": ", ".join(folder.name for folder in folders),
            "lines": str(len(lines)),
            "decisive_slots": str(tuned.decisive_slots),
            "cascade": "none" if tuned.profile.cascade is None else tuned.profile.cascade.describe(),
        }
        part = path.with_suffix(".part")
        write_document(ProfileDocument({GENERAL: tuned.profile}, {}, made), part, languages.name)
        part.replace(path)
    return read_document(path, Thresholds())


def _kept_languages(folder: Path) -> Path:
    """A copy of the languages beside what is fitted with them: documents are read from any checkout."""
    bundled = BUNDLED.parent / LANGUAGES_FILE
    kept = folder / f"languages-{content_hash(bundled)}.json.gz"
    if not kept.exists():
        shutil.copy(bundled, kept)
    return kept.resolve()


def _key(pages: Sequence[NamedPage], readers: Sequence[Reader]) -> str:
    """Changes with the pages, the models that read them, and the code and the languages that are fitted with."""
    digest = hashlib.sha256()
    for part in (*_code(), BUNDLED.parent / LANGUAGES_FILE):
        digest.update(content_hash(part).encode())
    for reader in readers:
        digest.update(f"{reader.name} {reader.fingerprint} ".encode())
    for _, page in pages:
        digest.update(page_key(page).encode())
    return digest.hexdigest()[:12]


def _code() -> Iterator[Path]:
    for package in (fusion, training.votes, metrics):
        for folder in package.__path__:
            yield from sorted(Path(folder).rglob("*.py"))


def _about(document: ProfileDocument) -> str:
    made = document.made
    return f"{made['lines']} lines of {made['sets']}; cascade: {made['cascade']}"


def _fuse_true_lines(
    run: LeaveOutRun, pages: Sequence[NamedPage], profile: Profile
) -> tuple[dict[str, list[Fused]], float]:
    """The lines of each set, and the processor time that fusing them took."""
    found: dict[str, list[Fused]] = {}
    spent_s = 0.0
    for page in by_page(labelled_lines(run.store, pages, run.readers)):
        begun = time.thread_time()
        fused = list(fused_lines(page, profile, _METHOD))
        spent_s += time.thread_time() - begun
        found.setdefault(page[0].set_name, []).extend(fused)
    return found, spent_s


def _true_sets(lines: Mapping[str, Sequence[Fused]]) -> dict[str, HeldOutSet]:
    return {
        name: HeldOutSet.of(
            name, [line_sample(line, fused, name) for line, fused in own], best_path_edits(line for line, _ in own)
        )
        for name, own in lines.items()
    }


def _without_each(lines: Mapping[str, Sequence[Fused]], profile: Profile) -> dict[str, dict[str, int]]:
    """By set and engine, the edits that the fusion of all other engines makes; nothing where there are but two."""
    found = {name: _edits_without([line for line, _ in own], profile) for name, own in lines.items()}
    return {name: edits for name, edits in found.items() if edits}


def _edits_without(lines: Sequence[LabelledLine], profile: Profile) -> dict[str, int]:
    engines = list(lines[0].hypotheses)
    edits = {}
    for engine in engines if len(engines) > 2 else []:
        others = [name for name in engines if name != engine]
        fused = fused_lines(lines, profile, _METHOD, others)
        edits[engine] = sum(character_edits(line.normalised(own.text), line.truth).edits for line, own in fused)
    return edits


def _detected_sets(run: LeaveOutRun, pages: Sequence[NamedPage], profile: Profile) -> dict[str, HeldOutSet]:
    found = {}
    for name, own in by_set(pages):
        read = [(page, from_store(run.store, page, DETECTED, run.readers, profile, _METHOD)) for page in own]
        found[name] = HeldOutSet.of(name, complete_samples(match_pages(name, read).samples), None)
    return found


def measure_left_out(run: AccuracyRun, readings: Path) -> AccuracyResult:
    """What is left out first, then the run itself on the sets that profiles are fitted to. Raises OutOfRange when all
    folders are of one source.
    """
    kept = readings / "leave-out"
    leaving = LeaveOutRun(run.folders, run.readers, run.store, run.sources, kept, run.limit, run.found_limit)
    if len(leaving.collections) < 2:
        raise OutOfRange("nothing is left to fit to", "name folders of two sources at least (docs/fusion.md)")
    left_out = leave_one_out(leaving)
    fitted = [folder for folder in run.folders if folder.name not in MEASURE_ONLY]
    result = measure(replace(run, folders=fitted))
    return replace(result, report=replace(result.report, leave_out=left_out))
