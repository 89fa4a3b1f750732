"""A line with what its engines differ on, and which of their claims are true.

A contest is a place at which engines say different things. It is decisive where what is chosen there changes how many
edits the line needs: weights are fitted to those, and corrections are counted over them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.metrics.lattice_oracle import lattice_oracle
from evaluation.readings.labelled_lines import LabelledLine
from fusion import Profile, fuse
from fusion.alignment.similarity import folded
from fusion.votes.contests import Contest, agreements, contest


@dataclass(frozen=True, slots=True)
class LabelledContest:
    """A decisive contest: its line's number, its group's index, its candidates with their excesses, and the claims."""

    line: int
    index: int
    candidates: tuple[str, ...]
    excesses: tuple[int, ...]
    contest: Contest


@dataclass(frozen=True, slots=True)
class LabelledContests:
    """A line's contests: its set, its engines and how much each agrees, what the fusion's groups of places hold before
    the vote, the open contests by group, the decisive ones, and the edits of the best path through all candidates.
    """

    set_name: str
    engines: tuple[str, ...]
    agreements: tuple[float, ...]
    plain: tuple[str, ...]
    contests: Mapping[int, Contest]
    decisive: tuple[LabelledContest, ...]
    edits: int


def label_contests(line: LabelledLine, number: int, engines: Sequence[str]) -> LabelledContests | None:
    """The contests among some engines on a line, which is to be called `number`; None when no engine reads anything."""
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
    oracle = lattice_oracle([_candidates(index, contests, plain, line) for index in range(len(groups))], line.truth)
    decisive = tuple(_decisive(number, contests, oracle.excesses, line))
    names = tuple(voice.engine for voice in fused.voices)
    shared = tuple(agreements(fused.rows, fused.network))
    return LabelledContests(line.set_name, names, shared, plain, contests, decisive, oracle.edits)


def _form(text: str, line: LabelledLine) -> str:
    form = folded(text)
    return form.upper() if line.ignore_case else form


def _candidates(index: int, contests: Mapping[int, Contest], plain: Sequence[str], line: LabelledLine) -> list[str]:
    return sorted({_form(form, line) for form in (contests[index].forms if index in contests else [plain[index]])})


def _decisive(
    number: int, contests: Mapping[int, Contest], excesses: Sequence[Sequence[int]], line: LabelledLine
) -> Iterator[LabelledContest]:
    for index, found in contests.items():
        if len(set(excesses[index])) == 1:
            continue
        of_form = dict(zip(sorted({_form(form, line) for form in found.forms}), excesses[index], strict=True))
        by_candidate = tuple(of_form[_form(form, line)] for form in found.forms)
        yield LabelledContest(number, index, found.forms, by_candidate, found)
