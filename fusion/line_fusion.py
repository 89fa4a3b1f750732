"""Several readings of one line become one: listen, align, vote on every place, put the winners together.

Places are horizontal spans in crop pixels; nothing here knows pages, pixels or engines by name. What comes out was
said: every character of a fused line stands where some engine put it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from fusion.alignment.align import align
from fusion.alignment.confusion_network import ABSENT, Network, Row
from fusion.alignment.similarity import SILENT
from fusion.evidence.confidence import PLAIN_TRUST, Assurance
from fusion.fused_line import FusedCharacter, FusedLine, FusedWord
from fusion.profiles.profile import Profile
from fusion.votes.contests import Contest, contest
from fusion.votes.supports import Open, Supports
from fusion.votes.voices import Voice, voices
from fusion.votes.voting import Ballot, Method, elect, weights_of
from ocr import Hypothesis, Span


def fuse(claims: Mapping[str, Hypothesis], profile: Profile, method: Method = Method.WEIGHTED_VOTING) -> FusedLine:
    """What the engines say of one line together; an empty line with confidence 0 when nobody says anything.

    An engine that abstains has no vote. One that claims an empty line votes for nothing at every place.
    """
    heard = voices(claims, profile)
    if not any(voice.texts for voice in heard):
        return FusedLine(voices=heard)
    said = {texts: [voice for voice in heard if voice.texts == texts] for texts in {voice.texts for voice in heard}}
    network = align([_row(texts, same) for texts, same in said.items()])
    row_of = {row.texts: index for index, row in enumerate(network.rows)}
    rows = tuple(row_of[voice.texts] for voice in heard)
    supports = _supports(heard, rows, network, profile, method)
    characters = tuple(_well_spaced(_elected(heard, rows, network, method, supports)))
    words = tuple(_words(characters, network, profile))
    spelled = {} if supports is None else supports.spelled
    return FusedLine(characters, words, line_confidence(characters), heard, rows, network, spelled)


def _supports(
    heard: Sequence[Voice], rows: Sequence[int], network: Network, profile: Profile, method: Method
) -> Supports | None:
    """What a tuned profile makes of the claims; None where votes count as the method alone says."""
    if profile.tuning is None or method is not Method.CONFIDENCE_WEIGHTED:
        return None
    return Supports.of(heard, rows, network, profile)


def _row(texts: tuple[str, ...], same: Sequence[Voice]) -> Row:
    """The common reading of several engines."""
    return Row(texts, len(same), tuple([voice.spans for voice in same if any(voice.spans)]))


# --- the vote ---


def _elected(
    heard: Sequence[Voice], rows: Sequence[int], network: Network, method: Method, supports: Supports | None
) -> Iterator[FusedCharacter]:
    """The winners from left to right, without the places that were decided for nothing."""
    agreed = _agreed(heard, rows, network, method, supports)
    for group in network.groups:
        if group.start in agreed and len(group) == 1:
            yield agreed[group.start]
        elif supports is None:
            yield from _contested(heard, contest(heard, rows, network, group), method)
        else:
            found = supports.open[group.start]
            yield from _contested(heard, found.contest, method, found, supports.assurance)


def _agreed(
    heard: Sequence[Voice], rows: Sequence[int], network: Network, method: Method, supports: Supports | None
) -> dict[int, FusedCharacter]:
    """The characters that all say, by place: what an election would find, for the whole line at once."""
    places = network.agreed
    by_row = list(zip(*[network.columns[place] for place in places], strict=True)) or [()] * len(network.rows)
    said = [(voice, by_row[row]) for voice, row in zip(heard, rows, strict=True)]  # entries by voice, then by place
    texts = [network.said[place][0] for place in places]
    sure = [[voice.probabilities[entry] for entry in own] for voice, own in said]  # by voice, then by place
    if supports is None:
        weights = weights_of([voice.share for voice in heard], method)
        confidences = [min(1.0, sum(map(operator.mul, weights, column))) for column in zip(*sure, strict=True)]
    else:
        confidences = supports.confidences(texts, sure)
    return {
        place: FusedCharacter(text, confidence, span, place)
        for place, text, confidence, span in zip(places, texts, confidences, _spans(said), strict=True)
    }


def _contested(
    heard: Sequence[Voice],
    found: Contest,
    method: Method,
    fitted: Open | None = None,
    assurance: Assurance | None = None,
) -> Iterator[FusedCharacter]:
    """The characters of a contest that win its election, each where the heaviest who says so has it."""
    sayings = list(zip(heard, found.sayings, strict=True))
    if fitted is None:
        winner = elect([Ballot(said.text, voice.share, said.probability) for voice, said in sayings], method)
    else:
        ballots = [
            Ballot(said.text, voice.share, said.probability, support=support)
            for (voice, said), support in zip(sayings, fitted.supports, strict=True)
        ]
        winner = elect(ballots, method, fitted.leanings, assurance)
    if winner.text == SILENT:
        return
    agreeing = [(voice, said.entries) for voice, said in sayings if said.text == winner.text]
    lead, placed = max(agreeing, key=lambda saying: (saying[0].share, [entry != ABSENT for entry in saying[1]]))
    for offset, entry in enumerate(placed):
        if entry != ABSENT:
            own = [(voice, [said[offset]]) for voice, said in agreeing if said[offset] != ABSENT]
            yield FusedCharacter(lead.texts[entry], winner.confidence, _spans(own)[0], found.group.start + offset)


def _spans(said: Sequence[tuple[Voice, Sequence[int]]]) -> list[Span | None]:
    """For each of some characters that several voices say, its span by the heaviest voice that knows one: spans of one
    engine fit together, means over changing engines do not.
    """
    spans: list[Span | None] = [None] * len(said[0][1])
    for voice, entries in sorted(said, key=lambda saying: -saying[0].share):
        if None not in spans:
            break
        spans = [known or voice.spans[entry] for known, entry in zip(spans, entries, strict=True)]
    return spans


def _well_spaced(characters: Iterator[FusedCharacter]) -> Iterator[FusedCharacter]:
    """The same without spaces at the ends, and without the second of two spaces that a lost character leaves."""
    space: FusedCharacter | None = None
    begun = False
    for character in characters:
        if character.text == " ":
            space = space or character
            continue
        if space is not None and begun:
            yield space
        yield character
        space, begun = None, True


# --- confidence of more than one character ---


def word_confidence(characters: Sequence[FusedCharacter]) -> float:
    """The confidence that a word is right: the geometric mean of its characters."""
    return math.prod(character.confidence for character in characters) ** (1.0 / len(characters))


def line_confidence(characters: Sequence[FusedCharacter]) -> float:
    """The share of a line's characters that is expected to be right: their mean confidence, 0 for an empty line."""
    if not characters:
        return 0.0
    return min(1.0, math.fsum(character.confidence for character in characters) / len(characters))


def _words(characters: Sequence[FusedCharacter], network: Network, profile: Profile) -> Iterator[FusedWord]:
    trust = profile.tuning.words if profile.tuning else PLAIN_TRUST
    agreed = set(network.agreed)
    before = [0, *accumulate(place not in agreed for place in range(len(network.columns)))]  # contests before a place
    start = 0
    for end in range(len(characters) + 1):
        if end == len(characters) or characters[end].text == " ":
            if end > start:
                first, last = characters[start].place, characters[end - 1].place
                contests = before[min(len(before) - 1, last + 2)] - before[max(0, first - 1)]
                mean = min(1.0, word_confidence(characters[start:end]))
                yield FusedWord(start, end, trust.of(mean, contests), contests)
            start = end + 1
