"""The figures of collections that nothing was fitted to, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from evaluation.accuracy.error_rates import FUSED
from evaluation.accuracy.leave_one_out.held_out import (
    BEST_ENGINE,
    REVIEWED,
    Doubt,
    HeldOutSet,
    HeldOutTable,
    LeaveOutReport,
)
from evaluation.accuracy.word_scores import AGREEMENT
from evaluation.markdown import table
from evaluation.metrics.bootstrap import Interval

_JUDGES = (FUSED, BEST_ENGINE, AGREEMENT)


def blocks(report: LeaveOutReport) -> Iterator[str]:
    """Paragraphs and tables, under headings of the second level."""
    yield "## Collections that nothing was fitted to"
    yield (
        "For each measured set, the weights, the evidence, the influence of spelling, the confidences and the cascade "
        "are fitted without any set of the same source. The languages come from word lists, not from pages.\n\n"
        "Measured are the test pages of sets of which a network of this project knows other pages, and all pages of "
        "the other sets. The bundled networks of EasyOCR and TrOCR were trained on *other pages* of "
        f"{_learnt(report)}, so these sets (marked \\*) are not new to them. What PaddleOCR and Tesseract were trained "
        "on is not known."
    )
    for one in report.tables:
        yield from _table(one)
    for one in report.tables:
        yield from _doubt(one)
    yield from _voters(report)
    yield from _cascade(report)
    yield "### What was fitted"
    yield table(("left out", "fitted to the rest"), report.fitted.items())
    if report.fusing_ms is not None:
        yield f"Fusing one line took {report.fusing_ms:.2f} ms of processor time in the mean over these lines."


def _learnt(report: LeaveOutReport) -> str:
    known = sorted({name for one in report.tables for name, own in one.sets.items() if own.learnt})
    return ", ".join(known) or "none of these sets"


def _table(one: HeldOutTable) -> Iterator[str]:
    yield f"### {one.title}"
    heads = ["set", "left out", "lines", "best engine", "its edits", "its rate %", "fused", "fewer"]
    heads += ["difference (95 %)", "never worse", "best path", "share of it", "word F1", "not legible"]
    yield table(heads, [_cells(name, own) for name, own in one.sets.items()])
    pooled, share = one.pooled, one.share
    worse = [name for name, own in one.sets.items() if not own.never_worse]
    yield (
        f"Mean over the sets: {one.reduction:.1%} fewer character errors than the best engine of each"
        + ("" if share is None else f", {share:.0%} of what the best path would bring")
        + f". All lines together: {_interval(pooled)}. Worse than its best engine: {', '.join(worse) or 'none'}. "
        "A set passes (*never worse*) when fusion makes no more edits than the best engine and the interval ends below "
        "+5 %. Where the best engine makes fewer than 300 edits, 5 more are allowed. *Word F1* is that of the engine "
        "with the best words, then that of the fusion. *Not legible* is how many lines with true text the fusion "
        "marks so" + (", then how many of the found lines where no true line lies." if _invents(one) else ".")
    )


def _cells(name: str, own: HeldOutSet) -> tuple[object, ...]:
    figures = own.figures
    length = figures.cer[FUSED].count.length
    return (
        f"{name} \\*" if own.learnt else name,
        own.collection,
        figures.samples,
        figures.best,
        own.best_edits,
        f"{100 * own.best_edits / max(1, length):.2f}",
        f"**{own.fused_edits}**",
        f"{figures.reduction:.1%}",
        _interval(own.difference),
        "yes" if own.never_worse else "**no**",
        "" if figures.oracle is None else figures.oracle,
        "" if figures.share is None else f"{figures.share:.0%}",
        f"{own.best_word_f1:.3f}, {own.word_f1[FUSED]:.3f}",
        "; ".join(f"{one.marked} of {one.lines}" for one in (own.text_lines, own.other_lines) if one.lines),
    )


def _invents(one: HeldOutTable) -> bool:
    """Whether a line was found where no true one lies."""
    return any(own.other_lines.lines for own in one.sets.values())


def _interval(own: Interval) -> str:
    return f"{100 * own.low:+.1f} to {100 * own.high:+.1f} %"


def _doubt(one: HeldOutTable) -> Iterator[str]:
    """How well doubt finds wrong words."""
    yield f"### How well doubt finds wrong words: {one.title[0].lower()}{one.title[1:]}"
    yield (
        "*AUROC* is the probability that a right word has more confidence than a wrong one. *Left* is the share of "
        "word errors that remain when the most doubtful 5, 10 and 20 % of the words are corrected. A word in which "
        "several true ones are merged counts as so many errors, which one correction mends; a true word of which "
        "nothing was read always remains. Three confidences are compared: *fused* is that of the answer, *engine* that "
        "of the best engine on its own words, *agreement* only how alike the engines' readings are. *Left perfect* is "
        "what would remain of the fused words' errors if all wrong words were the most doubtful. *Review* is the "
        "precision and recall of finding wrong words by a confidence below 0.7."
    )
    yield table(
        (
            "set",
            "words",
            "wrong",
            "calibration error",
            "by chance",
            *(f"AUROC {_short(by)}" for by in _JUDGES),
            *(f"left {_short(by)}" for by in _JUDGES),
            "left perfect",
            "review",
        ),
        [
            (
                name,
                own.calibration.words,
                own.doubt[FUSED].errors,
                f"{own.calibration.error:.3f}",
                f"{own.calibration.by_chance:.3f}",
                *(_auroc(own.doubt[by]) for by in _JUDGES),
                *(_left(own.doubt[by].left) for by in _JUDGES),
                _left(own.doubt[FUSED].least_left),
                f"{own.doubt[FUSED].review.precision:.0%}, {own.doubt[FUSED].review.recall:.0%}",
            )
            for name, own in one.sets.items()
        ],
    )
    means = "; ".join(f"{_short(by)} AUROC {one.auroc(by):.3f}, left {_left(one.left(by))}" for by in _JUDGES)
    yield f"Mean over the sets: {means}; perfect doubt would leave {_left(one.least_left(FUSED))}."


def _short(by: str) -> str:
    return "engine" if by == BEST_ENGINE else by


def _auroc(own: Doubt) -> str:
    return "" if own.auroc is None else f"{own.auroc:.3f}"


def _left(left: tuple[float, ...]) -> str:
    return " / ".join(f"{100 * part:.0f}" for part in left) + " %"


def _voters(report: LeaveOutReport) -> Iterator[str]:
    """What is lost where one engine does not vote."""
    if not report.without:
        return
    [true] = [one for one in report.tables if set(one.sets) >= set(report.without)][:1]
    engines = list(dict.fromkeys(name for own in report.without.values() for name in own))
    yield "### What each voter is worth: true lines"
    yield table(
        ("set", "best engine", "fused", *(f"without {engine}" for engine in engines)),
        [
            (name, true.sets[name].best_edits, true.sets[name].fused_edits, *(own[engine] for engine in engines))
            for name, own in report.without.items()
        ],
    )
    means = ", ".join(f"{_mean_fewer(true, report, engine):.1%} without {engine}" for engine in engines)
    yield (
        f"Edits in characters, with the same profile. Mean over the sets: {true.reduction:.1%} fewer than the best "
        f"engine of all; {means}."
    )


def _mean_fewer(true: HeldOutTable, report: LeaveOutReport, engine: str) -> float:
    fewer = [1.0 - own[engine] / max(1, true.sets[name].best_edits) for name, own in report.without.items()]
    return sum(fewer) / len(fewer)


def _cascade(report: LeaveOutReport) -> Iterator[str]:
    if not report.cascades:
        return
    yield "### What a cascade saves"
    yield table(
        ("set", "best engine", "all engines", "cascade", "core-seconds"),
        [(name, own.best, own.together, own.edits, f"{own.seconds:.0%}") for name, own in report.cascades.items()],
    )
    yield "Edits are counted in characters. Core-seconds are a share of those of all engines."


def as_json(report: LeaveOutReport) -> dict[str, object]:
    """The figures of all tables."""
    return {
        "tables": {one.title: _table_json(one) for one in report.tables},
        "fitted": dict(report.fitted),
        "fused_without": {name: dict(own) for name, own in report.without.items()},
        "fusing_ms": None if report.fusing_ms is None else round(report.fusing_ms, 3),
        "cascade": {
            name: {"best": own.best, "all": own.together, "cascade": own.edits, "core_seconds": round(own.seconds, 4)}
            for name, own in report.cascades.items()
        },
    }


def _table_json(one: HeldOutTable) -> dict[str, object]:
    pooled = one.pooled
    return {
        "reduction": round(one.reduction, 4),
        "share": None if one.share is None else round(one.share, 4),
        "pooled_difference": [round(pooled.low, 4), round(pooled.high, 4)],
        "auroc": {by: round(one.auroc(by), 4) for by in _JUDGES},
        "errors_left": {by: _left_json(one.left(by)) for by in _JUDGES},
        "sets": {name: _set_json(own) for name, own in one.sets.items()},
    }


def _set_json(own: HeldOutSet) -> dict[str, object]:
    figures = own.figures
    return {
        "left_out": own.collection,
        "networks_know_other_pages": own.learnt,
        "lines": figures.samples,
        "best": figures.best,
        "characters": figures.cer[FUSED].count.length,
        "edits": {reader: rate.count.edits for reader, rate in figures.cer.items()},
        "word_error_rate": {reader: round(rate.count.rate, 5) for reader, rate in figures.wer.items()},
        "best_path": figures.oracle,
        "reduction": round(figures.reduction, 4),
        "share": None if figures.share is None else round(figures.share, 4),
        "difference": [round(own.difference.low, 4), round(own.difference.high, 4)],
        "never_worse": own.never_worse,
        "word_f1": {reader: round(value, 4) for reader, value in own.word_f1.items()},
        "not_legible": {
            "lines_with_text": own.text_lines.lines,
            "of_them_marked": own.text_lines.marked,
            "other_lines": own.other_lines.lines,
            "of_those_marked": own.other_lines.marked,
        },
        "calibration_error": round(own.calibration.error, 4),
        "calibration_by_chance": round(own.calibration.by_chance, 4),
        "doubt": {by: _doubt_json(doubt) for by, doubt in own.doubt.items()},
    }


def _doubt_json(own: Doubt) -> dict[str, object]:
    return {
        "auroc": None if own.auroc is None else round(own.auroc, 4),
        "errors": own.errors,
        "errors_left": _left_json(own.left),
        "errors_left_by_perfect_doubt": _left_json(own.least_left),
        "review": {
            "words": own.review.words,
            "precision": round(own.review.precision, 4),
            "recall": round(own.review.recall, 4),
        },
    }


def _left_json(left: tuple[float, ...]) -> dict[str, float]:
    return {f"{share:.2f}": round(part, 4) for share, part in zip(REVIEWED, left, strict=True)}
