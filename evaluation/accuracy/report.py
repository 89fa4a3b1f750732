"""The figures of an accuracy run as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.accuracy.calibration import WordCalibration
from evaluation.accuracy.cascade import CascadeFigures
from evaluation.accuracy.error_rates import FUSED, Rate, SetFigures
from evaluation.accuracy.leave_one_out import report as leave_out_report
from evaluation.accuracy.leave_one_out.held_out import LeaveOutReport
from evaluation.accuracy.vendor_pipelines import PipelineComparison
from evaluation.markdown import document, table
from evaluation.votes.fusion_changes import FusionChanges

_IN_DOMAIN = """## In-domain: other pages of the sets that were fitted to

All tables from here on measure the shipped profile. They use test pages of sets to which the profile was fitted. Some
of the bundled networks were trained on other pages of these sets. So the tables do not say how well a new set is
read."""


@dataclass(frozen=True, slots=True)
class Table:
    """The figures of all sets for one way of cutting lines. `recalls` are of the segmentation, by set; `lost` is how
    much higher the error rate of the fusion is than in the table called `lost_to`.
    """

    title: str
    sets: Mapping[str, SetFigures]
    recalls: Mapping[str, float]
    lost: Mapping[str, float] = field(default_factory=dict)
    lost_to: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that an accuracy run came to. `calibration` is how words are calibrated by set, `changes` who
    corrected and who broke what by set, `cascade` what asking fewer engines costs and saves, `fusing_ms` the processor
    time of the fusion of one line; all on true lines. `pipelines` are the engines' own pipelines against the fusion, by
    set and engine. `leave_out` is what was measured on collections that nothing was fitted to.
    """

    tables: Sequence[Table]
    calibration: Mapping[str, WordCalibration]
    changes: Mapping[str, FusionChanges]
    cascade: CascadeFigures | None = None
    fusing_ms: float | None = None
    pipelines: Mapping[str, Mapping[str, PipelineComparison]] = field(default_factory=dict)
    leave_out: LeaveOutReport | None = None

    def as_json(self) -> dict[str, object]:
        first = {} if self.leave_out is None else {"leave_out": leave_out_report.as_json(self.leave_out)}
        return (
            first
            | {one.title: {name: _json(own) for name, own in one.sets.items()} for one in self.tables}
            | {
                "calibration_error": {name: round(own.error, 4) for name, own in self.calibration.items()},
                "cascade": None if self.cascade is None else self.cascade.as_json(),
                "fusing_ms": None if self.fusing_ms is None else round(self.fusing_ms, 3),
                "own_pipelines": {
                    name: {engine: round(one.own.rate, 5) for engine, one in own.items()}
                    for name, own in self.pipelines.items()
                },
            }
        )


def markdown(report: Report, heading: str, command: str, setting: str) -> str:
    """The whole report."""
    about = (
        f"Made by `{command}`.\n\n"
        "Rates are edits over true characters or words, with 95 % bootstrap intervals over lines. *Chance* is the "
        "probability that luck alone makes fusion and best engine differ so much (two-sided paired bootstrap). Where "
        "Quorum finds the lines itself, they are matched to the true lines by position "
        "(evaluation/metrics/line_matching.py). All characters of a missed or invented line count as errors."
    )
    tables = [block for one in report.tables for block in _table(one)]
    rest = (*_pipelines(report), *_cascade(report.cascade), *_calibration(report), *_changes(report))
    first = [] if report.leave_out is None else [*leave_out_report.blocks(report.leave_out), _IN_DOMAIN]
    return document(heading, about, setting, *first, *tables, *rest)


def summary(report: Report) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """For the screen: of each table its title, heads and rows, the set first."""
    for one in report.tables:
        readers = [*_readers(one), FUSED]
        rows = [
            [
                name,
                *(_rate(own.cer, reader) for reader in readers),
                f"{own.reduction:.1%}",
                f"{own.chance:.3f}",
                _share(own),
            ]
            for name, own in one.sets.items()
        ]
        yield one.title, [*readers, "fewer errors", "chance", "share of best path"], rows


def _readers(one: Table) -> list[str]:
    return list(dict.fromkeys(name for own in one.sets.values() for name in own.cer if name != FUSED))


def _table(one: Table) -> Iterator[str]:
    readers = _readers(one)
    yield f"## {one.title}"
    yield "Character error rate in percent:"
    heads = ["set", "n", *readers, "**fused**", "fewer errors than the best", "chance"]
    oracle = any(own.oracle is not None for own in one.sets.values())
    heads += ["best path", "share of it"] * oracle + ["lines found"] * bool(one.recalls)
    heads += [f"points lost to {one.lost_to}"] * bool(one.lost)
    yield table(heads, [list(_cells(one, name, readers, oracle=oracle)) for name in one.sets])
    changes = [own.reduction for own in one.sets.values()]
    yield f"Mean over the sets: {sum(changes) / len(changes):.1%} fewer character errors than the best engine of each."
    yield "Word error rate in percent:"
    rows = [[name, *(_rate(own.wer, reader) for reader in (*readers, FUSED))] for name, own in one.sets.items()]
    yield table(["set", *readers, "**fused**"], rows)


def _cells(one: Table, name: str, readers: Sequence[str], *, oracle: bool) -> Iterator[object]:
    own = one.sets[name]
    yield from (name, own.samples)
    yield from (_with_interval(own.cer[reader]) if reader in own.cer else "" for reader in readers)
    yield from (f"**{_with_interval(own.cer[FUSED])}**", f"{own.reduction:.1%}", f"{own.chance:.3f}")
    if oracle:
        yield "" if own.oracle is None else _percent(own.oracle / own.cer[FUSED].count.length)
        yield _share(own)
    if one.recalls:
        yield f"{one.recalls[name]:.1%}"
    if one.lost:
        yield f"{100 * one.lost[name]:.2f}"


def _rate(rates: Mapping[str, Rate], reader: str) -> str:
    return _percent(rates[reader].count.rate) if reader in rates else ""


def _share(own: SetFigures) -> str:
    return "" if own.share is None else f"{own.share:.0%}"


def _with_interval(rate: Rate) -> str:
    return f"{_percent(rate.count.rate)} ({_percent(rate.within.low)} to {_percent(rate.within.high)})"


def _percent(rate: float) -> str:
    return f"{100 * rate:.2f}"


def _pipelines(report: Report) -> Iterator[str]:
    if not report.pipelines:
        return
    yield "## Against each engine's own page pipeline"
    yield (
        "Character error rates in percent: of the pipeline that an engine's makers ship for whole pages, and of our "
        "fusion where Quorum finds the lines. *Chance* is as above, paired over pages "
        "(evaluation/accuracy/vendor_pipelines.py). "
        "An engine is missing when it has no such pipeline, or when the pipeline's detector must first be fetched."
    )
    rows = [
        (name, engine, _percent(one.own.rate), _percent(one.fused.rate), f"{one.reduction:.1%}", f"{one.chance:.3f}")
        for name, own in report.pipelines.items()
        for engine, one in own.items()
    ]
    yield table(("set", "engine", "its own pipeline", "fused", "fewer errors", "chance"), rows)


def _cascade(found: CascadeFigures | None) -> Iterator[str]:
    if found is None:
        return
    yield "## What a cascade saves"
    yield (
        f"{found.said} On these lines it keeps {found.kept:.1%} of the gain over the best engine (mean over the sets) "
        f"at {found.seconds:.1%} of the core-seconds of all engines."
    )
    milliseconds = ("core-ms a line", *(f"{value:.1f}" for value in found.line_ms.values()))
    yield table(
        ("", *found.line_ms), [milliseconds, ("asked about", *(f"{part:.0%}" for part in found.asked.values()))]
    )
    yield table(
        ("set", "best engine", "all engines", "cascade", "core-seconds"),
        [(name, own.best, own.together, own.edits, f"{own.seconds:.0%}") for name, own in found.sets.items()],
    )
    yield "Edits are counted in characters."


def _calibration(report: Report) -> Iterator[str]:
    if not report.calibration:
        return
    yield "## How well the confidence of a fused word is calibrated"
    yield (
        "*By chance* is the calibration error that a perfect confidence would show on these words, as the mean of "
        "simulated outcomes. With few words it is not near 0."
    )
    yield table(
        ("set", "words", "expected calibration error", "by chance"),
        [(name, own.words, f"{own.error:.3f}", f"{own.by_chance:.3f}") for name, own in report.calibration.items()],
    )
    if report.fusing_ms is not None:
        yield f"Fusing one line took {report.fusing_ms:.2f} ms of processor time in the mean over these lines."


def _changes(report: Report) -> Iterator[str]:
    if not report.changes:
        return
    engines = list(dict.fromkeys(name for own in report.changes.values() for name in (*own.corrected, *own.broken)))
    yield "## Which engines correct the result and which break it"
    yield (
        "Counted are places where the fusion differs from the best engine. *Saved*: the fusion is right and the best "
        "engine is wrong. *Spoiled*: the other way round. A place counts for every engine that read what the fusion "
        "chose."
    )
    yield table(
        ("set", *(f"{engine}: saved, spoiled" for engine in engines)),
        [
            (name, *(f"{own.corrected.get(engine, 0)}, {own.broken.get(engine, 0)}" for engine in engines))
            for name, own in report.changes.items()
        ],
    )


def _json(own: SetFigures) -> dict[str, object]:
    return {
        "samples": own.samples,
        "best": own.best,
        "chance": round(own.chance, 4),
        "reduction": round(own.reduction, 4),
        "oracle_edits": own.oracle,
        "share": None if own.share is None else round(own.share, 4),
        "readers": {
            name: {
                "edits": rate.count.edits,
                "characters": rate.count.length,
                "cer": round(rate.count.rate, 5),
                "cer_low": round(rate.within.low, 5),
                "cer_high": round(rate.within.high, 5),
                "wer": round(own.wer[name].count.rate, 5),
            }
            for name, rate in own.cer.items()
        },
    }
