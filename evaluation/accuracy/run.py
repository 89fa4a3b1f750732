"""A whole run of `quorum evaluate pages`: read what was never read, fuse, compare, write."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from evaluation.accuracy.calibration import sureness
from evaluation.accuracy.cascade import cascade_figures
from evaluation.accuracy.detected_pages import Ask, FoundPage, by_set, compare, from_service, from_shelf
from evaluation.accuracy.error_rates import FUSED, Sample, figures, line_sample
from evaluation.accuracy.fusion_changes import turns
from evaluation.accuracy.labelled_contests import hear
from evaluation.accuracy.own_pipelines import Beside, available, beside
from evaluation.accuracy.report import Report, Table, markdown
from evaluation.accuracy.votes_html import Shown, page
from evaluation.environment import as_table, setting
from evaluation.metrics.text_comparison import Count, characters
from evaluation.pages.ground_truth import Split, TruePage, line_crops
from evaluation.pages.handwritten_lines import Hand, hands
from evaluation.readings.labelled_lines import LabelledLine, labelled, pages_of
from evaluation.readings.line_layouts import FOUND, TRUE, View, set_of
from evaluation.readings.reader import Reader
from evaluation.readings.store import Shelf, read_all
from fusion import FusedLine, Method, Profile, fuse

SHOWN = 25
"""Lines of each set that the HTML shows: those on which engines differ most."""

Fused = tuple[LabelledLine, FusedLine]
FoundBy = Callable[[TruePage], FoundPage]


@dataclass(frozen=True, slots=True)
class Run:
    """What is measured: pages, readers, and the profile that fuses them. `ask` reads pages by a running service; then
    there are no true lines, and no readers of our own.
    """

    folders: Sequence[Path]
    splits: Sequence[Split]
    readers: Sequence[Reader]
    shelf: Shelf
    profile: Profile
    method: Method
    views: Sequence[View]
    limit: int | None = None
    ask: Ask | None = None
    answers: Path | None = None
    own_pipelines: bool = False

    @property
    def pages(self) -> list[tuple[str, TruePage]]:
        """The pages of each set in their order, `limit` at most of each."""
        return [(name, page) for name, own in by_set(pages_of(self.folders, self.splits)) for page in own[: self.limit]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The report, and the lines behind it, by set, with what the fusion made of them."""

    report: Report
    lines: Mapping[str, Sequence[Fused]]


def measure(run: Run) -> Outcome:
    """Everything that the run asks for."""
    pages = run.pages
    if run.ask is not None:
        table = _found_table("By the service, from the page", pages, lambda page: _answered(run, page))
        return Outcome(Report([table], {}, {}), {})
    read_all(run.shelf, [page for _, page in pages], run.views, run.readers)
    lines, fusing_s = _true_lines(run, pages) if TRUE in run.views else ({}, 0.0)
    every = [one for own in lines.values() for one in own]
    tables = [_true_table(lines)] if lines else []
    tables += _view_tables(run, pages, _rates_by_folder(lines))
    best = {name: own.best for name, own in tables[0].sets.items()} if lines else {}
    report = Report(
        tables,
        {name: sureness(own) for name, own in lines.items()} | ({"all": sureness(every)} if lines else {}),
        {name: turns(own, best[name]) for name, own in lines.items()},
        cascade_figures(lines, run.profile),
        1000.0 * fusing_s / len(every) if every else None,
        _beside(run, pages),
    )
    return Outcome(report, lines)


def _true_lines(run: Run, pages: Sequence[tuple[str, TruePage]]) -> tuple[dict[str, list[Fused]], float]:
    """The true lines by set, and the processor time that their fusion took; a set with typed and cursive lines is
    two.
    """
    hand_of = {page.image: hands(page) for _, page in pages}
    found: dict[str, list[Fused]] = {}
    spent_s = 0.0
    for line in labelled(run.shelf, pages, run.readers):
        mixed = any(Hand.CURSIVE in hand_of[page.image] for name, page in pages if name == line.set_name)
        name = f"{line.set_name} {hand_of[line.page.image][line.index]}" if mixed else line.set_name
        begun = time.thread_time()
        fused = fuse(line.claims, run.profile.on(line.region.material), run.method)
        spent_s += time.thread_time() - begun
        found.setdefault(name, []).append((line, fused))
    return found, spent_s


def _true_table(lines: Mapping[str, Sequence[Fused]]) -> Table:
    sets = {}
    for name, own in lines.items():
        heard = [hear(line, 0, list(line.claims)) for line, _ in own]
        oracle = sum(
            one.edits if one is not None else len(line.truth) for one, (line, _) in zip(heard, own, strict=True)
        )
        sets[name] = figures([line_sample(line, fused, name) for line, fused in own], oracle)
    return Table("True lines", sets, {})


def _rates_by_folder(lines: Mapping[str, Sequence[Fused]]) -> dict[str, float]:
    """The error rate of the fusion on the true lines of each folder."""
    counts: dict[str, Count] = {}
    for line, fused in (one for own in lines.values() for one in own):
        own = characters(line.compared(fused.text), line.truth)
        counts[line.set_name] = counts.get(line.set_name, Count()) + own
    return {name: count.rate for name, count in counts.items()}


def _view_tables(run: Run, pages: Sequence[tuple[str, TruePage]], true_rates: Mapping[str, float]) -> Iterator[Table]:
    """A table for each view from the page. What the page as it lies loses is against true lines, what a turned page
    loses is against the page as it lies.
    """
    upright: dict[str, float] = {}
    for view in sorted((view for view in run.views if view.found), key=lambda view: view.turned_degrees != 0.0):
        title = f"From the page turned by {view.turned_degrees:g}°" if view.turned_degrees else "From the page"
        table = _found_table(title, pages, partial(_from_shelf, run, view))
        rates = {name: own.characters[FUSED].count.rate for name, own in table.sets.items()}
        against = upright if view.turned_degrees else true_rates
        lost = {name: rate - against[name] for name, rate in rates.items()} if against else {}
        yield replace(table, lost=lost, lost_to="the page as it lies" if view.turned_degrees else "true lines")
        upright = upright if view.turned_degrees else rates


def _from_shelf(run: Run, view: View, page: TruePage) -> FoundPage:
    return from_shelf(run.shelf, page, view, run.readers, run.profile, run.method)


def _beside(run: Run, pages: Sequence[tuple[str, TruePage]]) -> dict[str, dict[str, Beside]]:
    """The engines' own ways from the page, where they are asked for."""
    if not run.own_pipelines:
        return {}
    names = [name for name in available() if name in [reader.name for reader in run.readers]]
    found = {name: [(page, _from_shelf(run, FOUND, page)) for page in own] for name, own in by_set(pages)}
    return {name: {engine: beside(name, engine, run.shelf, own) for engine in names} for name, own in found.items()}


def _found_table(title: str, pages: Sequence[tuple[str, TruePage]], found: FoundBy) -> Table:
    compared = {name: compare(name, [(page, found(page)) for page in own]) for name, own in by_set(pages)}
    sets = {name: figures(_complete(own.samples)) for name, own in compared.items()}
    return Table(title, sets, {name: own.recall for name, own in compared.items()})


def _complete(samples: Sequence[Sample]) -> list[Sample]:
    """An engine that read nothing on a page has read nothing there."""
    names = dict.fromkeys(name for sample in samples for name in sample.reads)
    return [Sample(own.set_name, own.truth, {name: own.reads.get(name, "") for name in names}) for own in samples]


def _answered(run: Run, page: TruePage) -> FoundPage:
    assert run.ask is not None
    assert run.answers is not None
    digest = hashlib.sha256(page.image.read_bytes()).hexdigest()[:12]
    return from_service(run.ask, page, run.answers / set_of(page) / f"{page.image.stem}-{digest}.json")


def write(outcome: Outcome, command: str, report: Path | None, as_json: Path | None, votes: Path | None) -> None:
    """The files that are asked for."""
    if report is not None:
        text = markdown(
            outcome.report, "What engines and their fusion read on real pages", command, as_table(setting())
        )
        report.write_text(text, encoding="utf-8")
    if as_json is not None:
        as_json.write_text(json.dumps(outcome.report.as_json(), indent=1) + "\n", encoding="utf-8")
    if votes is not None:
        about = "The lines of each set on which engines differ most. Green is right, red is wrong; hover for the votes."
        votes.write_text(page(list(_shown(outcome)), "Votes on real lines", about), encoding="utf-8")


def _shown(outcome: Outcome) -> Iterator[Shown]:
    for name, lines in outcome.lines.items():
        ranked = sorted(lines, key=lambda one: -_contests(one[1]))[:SHOWN]
        for line, fused in ranked:
            if _contests(fused):
                yield Shown(name, line_crops(line.page)[line.index], line, fused)


def _contests(fused: FusedLine) -> int:
    return len(fused.network.columns) - len(fused.network.agreed)
