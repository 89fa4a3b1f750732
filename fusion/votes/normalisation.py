"""The characters of a hypothesis in a form that can be compared between engines.

Texts are cut into user-perceived characters in NFC, whatever the engine's idea of a character is; every kind of white
space becomes one space; spaces at the ends, repeated spaces and characters that print nothing are dropped.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from ocr import CharacterHypothesis, Hypothesis, Span

_ZERO_WIDTH_JOINER = "\u200d"


def normalised(hypothesis: Hypothesis) -> tuple[CharacterHypothesis, ...]:
    """The characters in comparable form, with raw probabilities."""
    if _is_normal(hypothesis):
        return hypothesis.characters
    return tuple(_single_spaced(_graphemes(hypothesis.characters)))


def _is_normal(hypothesis: Hypothesis) -> bool:
    """Whether nothing has to be changed: printable, one composed letter each, single spaces between words."""
    text = "".join([character.text for character in hypothesis.characters])
    return (
        text.isprintable()
        and len(text) == len(hypothesis.characters)
        and "  " not in text
        and text[:1] != " " != text[-1:]
        and (text.isascii() or _is_composed(text))
    )


def _is_composed(text: str) -> bool:
    if not unicodedata.is_normalized("NFC", text):
        return False
    return not any(_is_mark(letter) for letter in text if not letter.isascii())


def _graphemes(characters: Iterable[CharacterHypothesis]) -> Iterator[CharacterHypothesis]:
    """One user-perceived character each: marks go to their letter, several letters in one are cut."""
    waiting: CharacterHypothesis | None = None
    for character in characters:
        for piece in _pieces(character):
            if waiting is not None and _continues(waiting.text, piece.text):
                waiting = _with_mark(waiting, piece)
            else:
                if waiting is not None:
                    yield waiting
                waiting = piece
    if waiting is not None:
        yield waiting


def _pieces(character: CharacterHypothesis) -> Iterator[CharacterHypothesis]:
    text = unicodedata.normalize("NFC", character.text)
    shown = [letter for letter in text if letter == _ZERO_WIDTH_JOINER or _is_shown(letter)]
    for index, letter in enumerate(shown):
        span = character.span
        if span is not None and len(shown) > 1:
            width = (span.end - span.start) / len(shown)
            span = Span(span.start + index * width, span.start + (index + 1) * width)
        alternatives = character.alternatives if len(shown) == 1 else ()
        yield CharacterHypothesis(" " if letter.isspace() else letter, character.probability, span, alternatives)


def _is_shown(letter: str) -> bool:
    """Control and format characters (categories Cc, Cf) print nothing; white space among them does."""
    return letter.isspace() or unicodedata.category(letter) not in ("Cc", "Cf")


def _continues(before: str, letter: str) -> bool:
    if before == " ":
        return False
    return _is_mark(letter) or _ZERO_WIDTH_JOINER in (letter, before[-1])


def _is_mark(letter: str) -> bool:
    """Whether it belongs to the letter before."""
    return unicodedata.category(letter).startswith("M")


def _with_mark(letter: CharacterHypothesis, mark: CharacterHypothesis) -> CharacterHypothesis:
    """A letter with its mark: as sure as the less sure of them, as wide as both."""
    known = [span for span in (letter.span, mark.span) if span is not None]
    span = Span(min(start for start, _ in known), max(end for _, end in known)) if known else None
    text = unicodedata.normalize("NFC", letter.text + mark.text)
    return CharacterHypothesis(text, min(letter.probability, mark.probability), span)


def _single_spaced(characters: Iterable[CharacterHypothesis]) -> Iterator[CharacterHypothesis]:
    space: CharacterHypothesis | None = None
    begun = False
    for character in characters:
        if character.text == " ":
            space = space or character
            continue
        if space is not None and begun:
            yield space
        yield character
        space, begun = None, True
