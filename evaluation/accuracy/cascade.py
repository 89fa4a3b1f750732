"""What a cascade (fusion.profiles.cascade) makes of lines that every engine has read: the edits left, and the cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.accuracy.fused_lines import among, by_page, materials
from evaluation.metrics.text_comparison import character_edits
from evaluation.readings.labelled_lines import LabelledLine
from fusion import Cascade, FusedLine, Method, Profile, fuse_page


@dataclass(frozen=True, slots=True)
class CascadeOutcome:
    """What a cascade makes of a line: its edits, and the engines that it asked."""

    edits: int
    asked: tuple[str, ...] = field(default=())


def run_cascade(page: Sequence[LabelledLine], cascade: Cascade, profile: Profile) -> list[CascadeOutcome]:
    """Ask the engines that have read the lines of a page as the cascade would."""
    steps, last = cascade.among(list(page[0].hypotheses))
    asked: list[tuple[str, ...]] = [()] * len(page)
    going_on = [True] * len(page)
    for step in steps:
        asked = [own + step.engines if on else own for own, on in zip(asked, going_on, strict=True)]
        fused = _fused(page, asked, profile)
        going_on = [on and step.goes_on(line.expected_errors) for line, on in zip(fused, going_on, strict=True)]
    asked = [own + tuple(last) if on else own for own, on in zip(asked, going_on, strict=True)]
    return [
        CascadeOutcome(character_edits(line.normalised(own.text), line.truth).edits, engines)
        for line, own, engines in zip(page, _fused(page, asked, profile), asked, strict=True)
    ]


def _fused(page: Sequence[LabelledLine], asked: Sequence[Sequence[str]], profile: Profile) -> list[FusedLine]:
    hypotheses = [among(line, engines) for line, engines in zip(page, asked, strict=True)]
    return fuse_page(hypotheses, materials(page), profile, Method.CONFIDENCE_WEIGHTED)


@dataclass(frozen=True, slots=True)
class CascadeSet:
    """Of one set: the edits of its best engine, of all engines together and of the cascade, and the part of the
    core-seconds that the cascade takes.
    """

    best: int
    together: int
    edits: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CascadeFigures:
    """What a cascade, said in words, keeps of the gain (mean over the sets) at which part of the core-seconds; for each
    engine the core-milliseconds that it takes for one line, and the part of the lines about which it is asked.
    """

    said: str
    kept: float
    seconds: float
    line_ms: Mapping[str, float]
    asked: Mapping[str, float]
    sets: Mapping[str, CascadeSet]

    def as_json(self) -> dict[str, object]:
        return {"kept": round(self.kept, 4), "seconds": round(self.seconds, 4), "line_ms": dict(self.line_ms)}


def cascade_figures(
    lines: Mapping[str, Sequence[tuple[LabelledLine, FusedLine]]], profile: Profile
) -> CascadeFigures | None:
    """The profile's cascade on true lines, by set; None where it has none, or engines are missing."""
    every = [line for own in lines.values() for line, _ in own]
    cascade = profile.cascade
    named = [] if cascade is None else [engine for step in cascade.steps for engine in step.engines]
    if cascade is None or not every or not all(engine in every[0].hypotheses for engine in named):
        return None
    sets = {}
    asked: Counter[str] = Counter()
    spent = 0.0
    for name, own in lines.items():
        pages = by_page(line for line, _ in own)
        outcomes = [outcome for page in pages for outcome in run_cascade(page, cascade, profile)]
        seconds = sum(
            line.seconds[engine] for (line, _), one in zip(own, outcomes, strict=True) for engine in one.asked
        )
        sets[name] = CascadeSet(
            min(_edits_of(engine, own) for engine in every[0].hypotheses),
            sum(character_edits(line.normalised(fused.text), line.truth).edits for line, fused in own),
            sum(one.edits for one in outcomes),
            seconds / (sum(sum(line.seconds.values()) for line, _ in own) or 1.0),
        )
        spent += seconds
        asked.update(engine for one in outcomes for engine in one.asked)
    gains = [(own.best - own.together) / max(1, own.best) for own in sets.values()]
    kept = [(own.best - own.edits) / max(1, own.best) for own in sets.values()]
    whole = {engine: sum(line.seconds[engine] for line in every) for engine in every[0].hypotheses}
    return CascadeFigures(
        f"{cascade.describe()}.",
        sum(kept) / sum(gains) if sum(gains) > 0.0 else 0.0,
        spent / (sum(whole.values()) or 1.0),
        {engine: 1000.0 * seconds / len(every) for engine, seconds in whole.items()},
        {engine: asked[engine] / len(every) for engine in whole},
        sets,
    )


def _edits_of(engine: str, lines: Sequence[tuple[LabelledLine, FusedLine]]) -> int:
    return sum(character_edits(line.normalised(line.hypotheses[engine].text), line.truth).edits for line, _ in lines)
