"""A line with what its engines differ on, and which of their claims are true.

A contest is a place at which engines say different things. It is decisive where what is chosen there changes how many
edits the line needs: weights are fitted to those, and corrections are counted over them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.metrics.lattice_oracle import mark
from evaluation.readings.labelled_lines import LabelledLine
from fusion import Profile, fuse
from fusion.alignment.similarity import folded
from fusion.votes.contests import Contest, agreements, contest


@dataclass(frozen=True, slots=True)
class Contested:
    """One decisive contest: its line's index, its group's, its candidates with their excesses, and the claims."""

    line: int
    index: int
    candidates: tuple[str, ...]
    excesses: tuple[int, ...]
    found: Contest


@dataclass(frozen=True, slots=True)
class Heard:
    """A line as the vote hears it: its set, its engines and how much each agrees, what stands at every group of places,
    what is open.
    """

    set_name: str
    engines: tuple[str, ...]
    agreements: tuple[float, ...]
    plain: tuple[str, ...]
    contests: Mapping[int, Contest]
    decisive: tuple[Contested, ...]
    edits: int


def hear(line: LabelledLine, number: int, engines: Sequence[str]) -> Heard | None:
    """What the vote hears of a line from some engines; None when none of them says anything."""
    claims = {name: line.claims[name] for name in engines if name in line.claims}
    fused = fuse(claims, Profile("even", dict.fromkeys(claims, 1.0)))
    if not fused.network.columns:
        return None
    agreed = set(fused.network.agreed)
    groups = fused.network.groups
    contests = {
        index: contest(fused.voices, fused.rows, fused.network, group)
        for index, group in enumerate(groups)
        if len(group) > 1 or group.start not in agreed
    }
    plain = tuple(fused.network.said[group.start][0] for group in groups)
    marked = mark([_said(index, contests, plain, line) for index in range(len(groups))], line.truth)
    decisive = tuple(_decisive(number, contests, marked.excesses, line))
    names = tuple(voice.engine for voice in fused.voices)
    shared = tuple(agreements(fused.rows, fused.network))
    return Heard(line.set_name, names, shared, plain, contests, decisive, marked.edits)


def _form(text: str, line: LabelledLine) -> str:
    form = folded(text)
    return form.upper() if line.ignore_case else form


def _said(index: int, contests: Mapping[int, Contest], plain: Sequence[str], line: LabelledLine) -> list[str]:
    return sorted({_form(form, line) for form in (contests[index].forms if index in contests else [plain[index]])})


def _decisive(
    number: int, contests: Mapping[int, Contest], excesses: Sequence[Sequence[int]], line: LabelledLine
) -> Iterator[Contested]:
    for index, found in contests.items():
        if len(set(excesses[index])) == 1:
            continue
        of_form = dict(zip(sorted({_form(form, line) for form in found.forms}), excesses[index], strict=True))
        yield Contested(number, index, found.forms, tuple(of_form[_form(form, line)] for form in found.forms), found)
