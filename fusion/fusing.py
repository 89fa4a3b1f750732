"""Several readings of one line become one: listen, align, vote on every place, put the winners together.

Places are horizontal spans in crop pixels; nothing here knows pages, pixels or engines by name. What comes out was
said: every character of a fused line stands where some engine put it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fusion.alignment import align
from fusion.network import ABSENT, Network, Row
from fusion.profiles import Profile
from fusion.similarity import SILENT
from fusion.voices import Voice, voices
from fusion.voting import Ballot, Method, elect
from ocr import Hypothesis, Span, Vote

_NOTHING = Network((), ())


class FusedCharacter(NamedTuple):
    """An elected character: its confidence in [0, 1], its span in crop pixels (None when nobody who said it knows the
    place), and its place, the column of the network.
    """

    text: str
    confidence: float
    span: Span | None
    place: int


class FusedWord(NamedTuple):
    """Characters `start` to `end` of a fused line, with the confidence in [0, 1] that all of them are right."""

    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class FusedLine:
    """What the engines say together. `voices[k]` reads row `rows[k]` of the network; a place of the network without a
    character in the line was decided for nothing.
    """

    characters: tuple[FusedCharacter, ...] = ()
    words: tuple[FusedWord, ...] = ()
    confidence: float = 0.0
    voices: tuple[Voice, ...] = ()
    rows: tuple[int, ...] = ()
    network: Network = _NOTHING

    @property
    def text(self) -> str:
        return "".join(character.text for character in self.characters)

    def votes(self, place: int) -> tuple[Vote, ...]:
        """What every engine said at a place of the network, with "" for nothing."""
        return tuple(
            Vote(voice.engine, said, voice.share, probability)
            for voice, (said, probability) in zip(self.voices, self._said(place), strict=True)
        )

    def _said(self, place: int) -> Iterator[tuple[str, float]]:
        for voice, row in zip(self.voices, self.rows, strict=True):
            index = self.network.columns[place][row]
            if index != ABSENT:
                yield voice.texts[index], voice.probabilities[index]
            else:
                yield SILENT, voice.silence(_next_index(self.network, place, row))


def _next_index(network: Network, place: int, row: int) -> int:
    """Index of the first character that a row says after a place."""
    return next(
        (column[row] for column in network.columns[place:] if column[row] != ABSENT), len(network.rows[row].texts)
    )


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
    characters = tuple(_well_spaced(_elected(heard, rows, network, method)))
    words = tuple(_words(characters))
    return FusedLine(characters, words, line_confidence(characters), heard, rows, network)


def _row(texts: tuple[str, ...], same: Sequence[Voice]) -> Row:
    """The common reading of several engines; where they know places, with the mean of their characters' centres."""
    placed = [voice.spans for voice in same if any(voice.spans)]
    if not placed:
        return Row(texts, len(same))
    centres = []
    for spans in zip(*placed, strict=True):
        known = [(span.start + span.end) / 2 for span in spans if span is not None]
        centres.append(math.fsum(known) / len(known) if known else math.nan)
    return Row(texts, len(same), tuple(centres))


# --- the vote ---


def _elected(heard: Sequence[Voice], rows: Sequence[int], network: Network, method: Method) -> Iterator[FusedCharacter]:
    """The winners from left to right, without the places that were decided for nothing."""
    reached = [0] * len(heard)  # how many characters each voice has said so far
    for group in network.groups():
        ballots, sayings = [], []
        for index, (voice, row) in enumerate(zip(heard, rows, strict=True)):
            entries = [network.columns[place][row] for place in group]
            own = [entry for entry in entries if entry != ABSENT]
            ballots.append(_ballot(voice, own, reached[index]))
            sayings.append((voice, entries))
            reached[index] += len(own)
        winner = elect(ballots, method)
        if winner.text == SILENT:
            continue
        agreeing = [saying for ballot, saying in zip(ballots, sayings, strict=True) if ballot.text == winner.text]
        yield from _group_characters(group, agreeing, winner.confidence)


def _ballot(voice: Voice, own: Sequence[int], reached: int) -> Ballot:
    """What a voice says in a group of places: its characters there, as sure as their geometric mean, or nothing."""
    if not own:
        return Ballot(SILENT, voice.share, voice.silence(reached))
    if len(own) == 1:
        return Ballot(voice.texts[own[0]], voice.share, voice.probabilities[own[0]])
    text = "".join(voice.texts[entry] for entry in own)
    probability = math.prod(voice.probabilities[entry] for entry in own) ** (1.0 / len(own))
    return Ballot(text, voice.share, probability)


def _group_characters(
    group: range, agreeing: Sequence[tuple[Voice, list[int]]], confidence: float
) -> Iterator[FusedCharacter]:
    """The winning characters of a group, each at the place where the heaviest of those who say so has it."""
    lead, entries = max(agreeing, key=lambda saying: (saying[0].share, [entry != ABSENT for entry in saying[1]]))
    for offset, entry in enumerate(entries):
        if entry == ABSENT:
            continue
        spans = [
            span for voice, own in agreeing if own[offset] != ABSENT and (span := voice.spans[own[offset]]) is not None
        ]
        yield FusedCharacter(lead.texts[entry], confidence, _mean_span(spans), group.start + offset)


def _mean_span(spans: Sequence[Span]) -> Span | None:
    if len(spans) < 2:
        return spans[0] if spans else None
    return Span(math.fsum(start for start, _ in spans) / len(spans), math.fsum(end for _, end in spans) / len(spans))


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


def _words(characters: Sequence[FusedCharacter]) -> Iterator[FusedWord]:
    start = 0
    for end in range(len(characters) + 1):
        if end == len(characters) or characters[end].text == " ":
            if end > start:
                yield FusedWord(start, end, min(1.0, word_confidence(characters[start:end])))
            start = end + 1
