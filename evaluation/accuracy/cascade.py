"""What a cascade (fusion.profiles.cascade) makes of lines that every engine has read: the edits left, and the cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.metrics.text_comparison import character_edits
from evaluation.readings.labelled_lines import LabelledLine
from fusion import Cascade, FusedLine, Method, Profile, fuse_line


def fused_edits(line: LabelledLine, engines: Sequence[str], profile: Profile) -> tuple[int, float]:
    """The edits and the expected errors of what some engines read together on a line."""
    hypotheses = {name: line.hypotheses[name] for name in engines}
    fused = fuse_line(hypotheses, profile.for_material(line.region.material), Method.CONFIDENCE_WEIGHTED)
    return character_edits(line.normalised(fused.text), line.truth).edits, fused.expected_errors


@dataclass(frozen=True, slots=True)
class CascadeOutcome:
    """What a cascade makes of a line: its edits, and the engines that it asked."""

    edits: int
    asked: tuple[str, ...] = field(default=())


def run_cascade(line: LabelledLine, cascade: Cascade, profile: Profile) -> CascadeOutcome:
    """Ask the engines that have read a line as the cascade would."""
    steps, last = cascade.among(list(line.hypotheses))
    asked: tuple[str, ...] = ()
    for step in steps:
        asked += step.engines
        edits, expected_errors = fused_edits(line, asked, profile)
        if not step.goes_on(expected_errors):
            return CascadeOutcome(edits, asked)
    if last or not asked:
        asked += tuple(last)
        edits, _ = fused_edits(line, asked, profile)
    return CascadeOutcome(edits, asked)


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
        outcomes = [run_cascade(line, cascade, profile) for line, _ in own]
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
