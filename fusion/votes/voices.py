"""What an engine said, in the form that can be compared and counted.

Texts are cut into user-perceived characters in NFC, whatever the engine's idea of a character is; every kind of white
space becomes one space, and spaces at the ends or repeated say nothing and are dropped. Raw scores become
probabilities.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fusion.profiles.profile import Profile
from ocr import ClaimedCharacter, Hypothesis, Span

NO_SCORE = 0.5
"""How sure an engine is taken to be of what it gives no score for: that a line is empty, that no space stands here."""

MOST_ROOM = 4.0

_ZERO_WIDTH_JOINER = "\u200d"


@dataclass(frozen=True, slots=True)
class Voice:
    """One engine's reading: its share of the vote, and for each character its text, its probability (calibrated) and,
    where known, its span in crop pixels.
    """

    engine: str
    share: float
    texts: tuple[str, ...]
    probabilities: tuple[float, ...]
    spans: tuple[Span | None, ...]

    def silence(self, before: int, *, of_space: bool = False) -> float:
        """How sure it is that nothing stands before its character `before`: as sure as of the characters around. Where
        the others see no more than a space, that says nothing: how well a letter was read does not measure a gap.
        """
        around = self.probabilities[max(0, before - 1) : before + 1]
        if of_space or not around:
            return NO_SCORE
        return sum(around) / len(around)

    def room(self, before: int, after: int) -> float:
        """How much farther apart two of its characters stand than its characters usually do, in usual distances and
        within MOST_ROOM; 0 where it does not know.
        """
        if before < 0 or after >= len(self.spans):
            return 0.0
        left, right, usual = self.spans[before], self.spans[after], self.pitch()
        if left is None or right is None or usual <= 0.0:
            return 0.0
        apart = (right.start + right.end - left.start - left.end) / 2 / usual
        return min(MOST_ROOM, max(-1.0, apart - (after - before)))

    def pitch(self) -> float:
        """The usual distance between neighbours' centres in pixels, 0 where it does not know places."""
        first, last = self.spans[:1], self.spans[-1:]
        if len(self.spans) < 2 or first[0] is None or last[0] is None:
            return 0.0
        return (last[0].start + last[0].end - first[0].start - first[0].end) / 2 / (len(self.spans) - 1)


def voices(claims: Mapping[str, Hypothesis], profile: Profile) -> tuple[Voice, ...]:
    """The engines that did not abstain, in the order of their names, so that nothing depends on the caller's order."""
    heard = sorted(engine for engine, hypothesis in claims.items() if not hypothesis.abstained)
    shares = profile.shares(heard)
    return tuple(_voice(engine, shares[engine], claims[engine], profile) for engine in heard)


def spoken(hypothesis: Hypothesis) -> tuple[ClaimedCharacter, ...]:
    """A claim's characters in comparable form, with raw probabilities."""
    return hypothesis.characters if _is_plain(hypothesis) else tuple(_single_spaced(_graphemes(hypothesis.characters)))


def _voice(engine: str, share: float, hypothesis: Hypothesis, profile: Profile) -> Voice:
    said = spoken(hypothesis)
    probabilities = profile.calibration(engine).of_all([character.probability for character in said])
    return Voice(
        engine,
        share,
        tuple([character.text for character in said]),
        probabilities,
        tuple([character.span for character in said]),
    )


def _is_plain(hypothesis: Hypothesis) -> bool:
    """Whether the claim is in order as it is: printable ASCII, one letter each, single spaces between words."""
    text = "".join([character.text for character in hypothesis.characters])
    return (
        text.isascii()
        and text.isprintable()
        and len(text) == len(hypothesis.characters)
        and "  " not in text
        and text[:1] != " " != text[-1:]
    )


def _graphemes(characters: Iterable[ClaimedCharacter]) -> Iterator[ClaimedCharacter]:
    """Claims of one user-perceived character each: marks go to their letter, claims of several letters are cut."""
    waiting: ClaimedCharacter | None = None
    for character in characters:
        for piece in _pieces(character):
            if waiting is not None and _continues(waiting.text, piece.text):
                waiting = _together(waiting, piece)
            else:
                if waiting is not None:
                    yield waiting
                waiting = piece
    if waiting is not None:
        yield waiting


def _pieces(character: ClaimedCharacter) -> Iterator[ClaimedCharacter]:
    text = unicodedata.normalize("NFC", character.text)
    shown = [letter for letter in text if letter == _ZERO_WIDTH_JOINER or _is_shown(letter)]
    for index, letter in enumerate(shown):
        span = character.span
        if span is not None and len(shown) > 1:
            width = (span.end - span.start) / len(shown)
            span = Span(span.start + index * width, span.start + (index + 1) * width)
        alternatives = character.alternatives if len(shown) == 1 else ()
        yield ClaimedCharacter(" " if letter.isspace() else letter, character.probability, span, alternatives)


def _is_shown(letter: str) -> bool:
    """Control and format characters (categories Cc, Cf) print nothing; white space among them does."""
    return letter.isspace() or unicodedata.category(letter) not in ("Cc", "Cf")


def _continues(before: str, letter: str) -> bool:
    if before == " ":
        return False
    return unicodedata.category(letter).startswith("M") or _ZERO_WIDTH_JOINER in (letter, before[-1])


def _together(letter: ClaimedCharacter, mark: ClaimedCharacter) -> ClaimedCharacter:
    """A letter with its mark: as sure as the less sure of them, as wide as both."""
    known = [span for span in (letter.span, mark.span) if span is not None]
    span = Span(min(start for start, _ in known), max(end for _, end in known)) if known else None
    text = unicodedata.normalize("NFC", letter.text + mark.text)
    return ClaimedCharacter(text, min(letter.probability, mark.probability), span)


def _single_spaced(characters: Iterable[ClaimedCharacter]) -> Iterator[ClaimedCharacter]:
    space: ClaimedCharacter | None = None
    begun = False
    for character in characters:
        if character.text == " ":
            space = space or character
            continue
        if space is not None and begun:
            yield space
        yield character
        space, begun = None, True
