"""A whole run of `quorum evaluate pages`: read what was never read, fuse, compare, write."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from evaluation.accuracy.calibration import WordCalibration, word_calibration
from evaluation.accuracy.cascade import cascade_figures
from evaluation.accuracy.detected_pages import (
    DetectedPage,
    ReadByService,
    by_set,
    complete_samples,
    from_service,
    from_store,
    match_pages,
)
from evaluation.accuracy.error_rates import FUSED, figures
from evaluation.accuracy.fused_lines import by_page, fused_lines
from evaluation.accuracy.report import Report, Table, markdown
from evaluation.accuracy.vendor_pipelines import PipelineComparison, available, compare_pipeline
from evaluation.accuracy.votes_html import LineExample, page
from evaluation.accuracy.word_scores import line_sample, scored_words
from evaluation.environment import as_table, environment
from evaluation.metrics.text_comparison import EditCount, character_edits
from evaluation.pages.ground_truth import GroundTruthPage, Split, line_crops
from evaluation.pages.handwritten_lines import Writing, writing_of
from evaluation.readings.labelled_lines import LabelledLine, labelled_lines, pages_of
from evaluation.readings.line_layouts import DETECTED, GROUND_TRUTH, LineSource, set_name_of
from evaluation.readings.reader import Reader
from evaluation.readings.store import ReadingStore, read_missing
from evaluation.votes.fusion_changes import fusion_changes
from evaluation.votes.labelled_slots import best_path_edits
from fusion import FusedLine, Method, Profile

EXAMPLES = 25
"""Lines of each set that the HTML shows: those on which engines differ most."""

Fused = tuple[LabelledLine, FusedLine]
ReadPage = Callable[[GroundTruthPage], DetectedPage]


@dataclass(frozen=True, slots=True)
class AccuracyRun:
    """What is measured: pages, readers, and the profile that fuses them. `service` reads the pages instead, and
    `answers` is where its answers are kept; then there are no ground truth lines, and no readers of our own. At most
    `limit` pages of each set are measured, and `found_limit` of those by lines that are found.
    """

    folders: Sequence[Path]
    splits: Sequence[Split]
    readers: Sequence[Reader]
    store: ReadingStore
    profile: Profile
    method: Method
    sources: Sequence[LineSource]
    limit: int | None = None
    service: ReadByService | None = None
    answers: Path | None = None
    own_pipelines: bool = False
    found_limit: int | None = None

    @property
    def pages(self) -> list[tuple[str, GroundTruthPage]]:
        """The pages of each set in their order."""
        return [(name, page) for name, own in by_set(pages_of(self.folders, self.splits)) for page in own[: self.limit]]

    @property
    def found_pages(self) -> list[tuple[str, GroundTruthPage]]:
        """Those of them on which lines are found."""
        return [(name, page) for name, own in by_set(self.pages) for page in own[: self.found_limit]]


@dataclass(frozen=True, slots=True)
class AccuracyResult:
    """The report, and the lines behind it, by set, with what the fusion made of them."""

    report: Report
    lines: Mapping[str, Sequence[Fused]]


def measure(run: AccuracyRun) -> AccuracyResult:
    """Everything that the run asks for."""
    pages, found = run.pages, run.found_pages
    if run.service is not None:
        table = _table_of("By the service, from the page", found, lambda page: _read_by_service(run, page))
        return AccuracyResult(Report([table], {}, {}), {})
    for source in run.sources:
        read_missing(run.store, [page for _, page in (found if source.detected else pages)], [source], run.readers)
    run = replace(run, profile=run.profile.for_models(_models(run, pages)))
    lines, fusing_s = _true_lines(run, pages) if GROUND_TRUTH in run.sources else ({}, 0.0)
    every = [one for own in lines.values() for one in own]
    tables = [_true_table(lines)] if lines else []
    tables += _detected_tables(run, found, _rates_by_folder(lines))
    best = {name: own.best for name, own in tables[0].sets.items()} if lines else {}
    report = Report(
        tables,
        {name: _calibration(own) for name, own in lines.items()} | ({"all": _calibration(every)} if lines else {}),
        {name: fusion_changes(own, best[name]) for name, own in lines.items()},
        cascade_figures(lines, run.profile),
        1000.0 * fusing_s / len(every) if every else None,
        _compare_pipelines(run, found),
    )
    return AccuracyResult(report, lines)


def _models(run: AccuracyRun, pages: Sequence[tuple[str, GroundTruthPage]]) -> dict[str, str]:
    """What each engine reads with."""
    return {
        reader.name: run.store.reading(page, run.sources[0], reader).model
        for _, page in pages[:1]
        for reader in run.readers
    }


def _true_lines(run: AccuracyRun, pages: Sequence[tuple[str, GroundTruthPage]]) -> tuple[dict[str, list[Fused]], float]:
    """The ground truth lines by set, fused, and the processor time that it took; typed and cursive lines are two
    sets.
    """
    writings = {page.image: writing_of(page) for _, page in pages}
    found: dict[str, list[Fused]] = {}
    spent_s = 0.0
    for own_lines in by_page(labelled_lines(run.store, pages, run.readers)):
        begun = time.thread_time()
        fused = list(fused_lines(own_lines, run.profile, run.method))
        spent_s += time.thread_time() - begun
        for line, own in fused:
            mixed = any(Writing.CURSIVE in writings[page.image] for name, page in pages if name == line.set_name)
            name = f"{line.set_name} {writings[line.page.image][line.index]}" if mixed else line.set_name
            found.setdefault(name, []).append((line, own))
    return found, spent_s


def _true_table(lines: Mapping[str, Sequence[Fused]]) -> Table:
    sets = {}
    for name, own in lines.items():
        samples = [line_sample(line, fused, name) for line, fused in own]
        sets[name] = figures(samples, best_path_edits(line for line, _ in own))
    return Table("True lines", sets, {})


def _calibration(lines: Sequence[Fused]) -> WordCalibration:
    return word_calibration(scored_words([line_sample(*one, one[0].set_name) for one in lines], FUSED, FUSED))


def _rates_by_folder(lines: Mapping[str, Sequence[Fused]]) -> dict[str, float]:
    """The error rate of the fusion on the ground truth lines of each folder."""
    counts: dict[str, EditCount] = {}
    for line, fused in (one for own in lines.values() for one in own):
        own = character_edits(line.normalised(fused.text), line.truth)
        counts[line.set_name] = counts.get(line.set_name, EditCount()) + own
    return {name: count.rate for name, count in counts.items()}


def _detected_tables(
    run: AccuracyRun, pages: Sequence[tuple[str, GroundTruthPage]], true_rates: Mapping[str, float]
) -> Iterator[Table]:
    """A table for each source of detected lines. What the upright page loses is against ground truth lines, what a
    turned page loses against the upright one.
    """
    upright: dict[str, float] = {}
    for source in sorted(
        (source for source in run.sources if source.detected), key=lambda source: source.rotation_degrees != 0.0
    ):
        title = f"From the page turned by {source.rotation_degrees:g}°" if source.rotation_degrees else "From the page"
        table = _table_of(title, pages, partial(_read_by_readers, run, source))
        rates = {name: own.cer[FUSED].count.rate for name, own in table.sets.items()}
        against = upright if source.rotation_degrees else true_rates
        lost = {name: rate - against[name] for name, rate in rates.items()} if against else {}
        yield replace(table, lost=lost, lost_to="the page as it lies" if source.rotation_degrees else "true lines")
        upright = upright if source.rotation_degrees else rates


def _read_by_readers(run: AccuracyRun, source: LineSource, page: GroundTruthPage) -> DetectedPage:
    return from_store(run.store, page, source, run.readers, run.profile, run.method)


def _compare_pipelines(
    run: AccuracyRun, pages: Sequence[tuple[str, GroundTruthPage]]
) -> dict[str, dict[str, PipelineComparison]]:
    """The engines' own pipelines against the fusion, where they are asked for."""
    if not run.own_pipelines:
        return {}
    names = [name for name in available() if name in [reader.name for reader in run.readers]]
    found = {name: [(page, _read_by_readers(run, DETECTED, page)) for page in own] for name, own in by_set(pages)}
    return {
        name: {engine: compare_pipeline(name, engine, run.store, own) for engine in names}
        for name, own in found.items()
    }


def _table_of(title: str, pages: Sequence[tuple[str, GroundTruthPage]], read: ReadPage) -> Table:
    matched = {name: match_pages(name, [(page, read(page)) for page in own]) for name, own in by_set(pages)}
    sets = {name: figures(complete_samples(own.samples)) for name, own in matched.items()}
    return Table(title, sets, {name: own.recall for name, own in matched.items()})


def _read_by_service(run: AccuracyRun, page: GroundTruthPage) -> DetectedPage:
    assert run.service is not None
    assert run.answers is not None
    digest = hashlib.sha256(page.image.read_bytes()).hexdigest()[:12]
    return from_service(run.service, page, run.answers / set_name_of(page) / f"{page.image.stem}-{digest}.json")


def write(result: AccuracyResult, command: str, report: Path | None, as_json: Path | None, votes: Path | None) -> None:
    """The files that are asked for."""
    if report is not None:
        text = markdown(
            result.report, "Error rates of the engines and their fusion on real pages", command, as_table(environment())
        )
        report.write_text(text, encoding="utf-8")
    if as_json is not None:
        as_json.write_text(json.dumps(result.report.as_json(), indent=1) + "\n", encoding="utf-8")
    if votes is not None:
        about = "The lines of each set on which engines differ most. Green is right, red is wrong; hover for the votes."
        votes.write_text(page(list(_examples(result)), "Votes on real lines", about), encoding="utf-8")


def _examples(result: AccuracyResult) -> Iterator[LineExample]:
    for name, lines in result.lines.items():
        ranked = sorted(lines, key=lambda one: -_disputed(one[1]))[:EXAMPLES]
        for line, fused in ranked:
            if _disputed(fused):
                yield LineExample(name, line_crops(line.page)[line.index], line, fused)


def _disputed(fused: FusedLine) -> int:
    return len(fused.network.slots) - len(fused.network.unanimous)
