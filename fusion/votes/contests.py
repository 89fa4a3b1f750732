"""What every engine says at every place of a line, and on how much of the line it agrees with any other.

Places that are decided together are one contest. Nothing here knows weights: what a contest is depends on the readings
only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from fusion.alignment.confusion_network import ABSENT, Network
from fusion.alignment.similarity import SILENT, folded
from fusion.evidence.engine_evidence import Kind, kind_of, log_odds
from fusion.votes.voices import Voice

_SPACE_OR_NOTHING = frozenset((" ", SILENT))


class Saying(NamedTuple):
    """What one engine says in a contest, in one piece (`form`: with plain typographic forms), its probability in [0, 1]
    (the geometric mean of its characters), and the index of its character at each of the places, or ABSENT. Of spaces
    and silence, `room` is how much farther apart the engine's neighbours stand than its characters usually do, in usual
    distances, and 0 where it knows no places.
    """

    text: str
    form: str
    kind: Kind
    probability: float
    room: float
    entries: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Contest:
    """The places `group` of a network, and what each engine says there, in the order of the voices. `forms` are the
    different things said, in plain typographic forms and in order.
    """

    group: range
    sayings: tuple[Saying, ...]
    forms: tuple[str, ...]


def contest(heard: Sequence[Voice], rows: Sequence[int], network: Network, group: range) -> Contest:
    """What voices say at some places; `heard[k]` reads row `rows[k]`."""
    entries = list(zip(*network.columns[group.start : group.stop], strict=True))  # by row, then by place
    said = ["".join(texts) for texts in zip(*network.said[group.start : group.stop], strict=True)]  # by row
    forms = tuple(sorted(set(map(folded, said))))
    rivals = rivals_of(forms)
    of_space = len(group) == 1 and _SPACE_OR_NOTHING.issuperset(forms)
    return Contest(
        group,
        tuple(
            [
                _of_ink(voice, said[row], entries[row], rivals)
                if said[row] not in _SPACE_OR_NOTHING
                else _of_room(voice, said[row], entries[row], rivals, network.next_entry(group.start, row), of_space)
                for voice, row in zip(heard, rows, strict=True)
            ]
        ),
        forms,
    )


@lru_cache(maxsize=16384)
def rivals_of(forms: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """For each thing said the others, in their order. The same few meet again and again."""
    return {form: tuple([other for other in forms if other != form]) for form in forms}


def _of_ink(voice: Voice, text: str, entries: tuple[int, ...], rivals: Mapping[str, tuple[str, ...]]) -> Saying:
    """A voice that says something printed there."""
    form = folded(text)
    if len(entries) == 1:
        probability = voice.probabilities[entries[0]]
    else:
        own = [voice.probabilities[entry] for entry in entries if entry != ABSENT]
        probability = own[0] if len(own) == 1 else math.prod(own) ** (1.0 / len(own))
    return Saying(text, form, kind_of(form, rivals[form]), probability, 0.0, entries)


def _of_room(
    voice: Voice,
    text: str,
    entries: tuple[int, ...],
    rivals: Mapping[str, tuple[str, ...]],
    following: int,
    of_space: bool,
) -> Saying:
    """A voice that says nothing there, or a space; `following` is the first character that it says there or after."""
    before, after = following - 1, following + (text == " ")
    beside = "".join(voice.texts[max(0, before) : before + 1] + voice.texts[after : after + 1])
    probability = voice.probabilities[following] if text == " " else voice.silence(following, of_space=of_space)
    return Saying(text, text, kind_of(text, rivals[text], beside), probability, voice.room(before, after), entries)


def agreements(rows: Sequence[int], network: Network) -> list[float]:
    """For each voice the log-odds of the share of places at which another one says the same; 0 for a lonely voice."""
    if len(rows) < 2:
        return [0.0] * len(rows)
    counts = [row.count for row in network.rows]
    agreed = set(network.agreed)
    agreeing = [len(agreed)] * len(counts)
    for place, texts in enumerate(network.said):
        if place not in agreed:
            forms = list(map(folded, texts))
            for row, form in enumerate(forms):
                agreeing[row] += counts[row] > 1 or forms.count(form) > 1
    places = len(network.columns)
    by_row = [log_odds((count + 0.5) / (places + 1.0)) for count in agreeing]
    return [by_row[row] for row in rows]
