"""Which characters may stand in an answer, by language (ISO 639-1).

Recognisers for many languages read "harā-working" where "hard-working" is printed. For a language in the table an
answer holds its letters, the digits and SYMBOLS only; an engine either keeps its model from choosing anything else or
passes its answer through `restrict_to_language`. A language that is not in the table is not restricted: its engine may
answer all that its model knows. Nothing here knows an engine.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable
from functools import cache

from ocr.hypothesis import CharacterHypothesis, Span

SYMBOLS = string.punctuation + " £$€¥¢§©®™°±½¼¾–—‘’“”„…•·†‡«»¬×÷¶№"
"""Marks that are allowed in every language of the table. No full-width forms and no CJK punctuation."""

_FURTHER_LETTERS = {
    "en": "",
    "de": "äöüßÄÖÜẞ",
    "fr": "àâæçéèêëîïôœùûüÿÀÂÆÇÉÈÊËÎÏÔŒÙÛÜŸ",
    "es": "áéíñóúüÁÉÍÑÓÚÜ¡¿ªº",
    "it": "àèéìíîòóùúÀÈÉÌÍÎÒÓÙÚªº",
    "pt": "áâãàçéêíóôõúüÁÂÃÀÇÉÊÍÓÔÕÚÜªº",
    "nl": "áéèëïíóöúüÁÉÈËÏÍÓÖÚÜ",
    "sv": "åäöéÅÄÖÉ",
    "da": "æøåéÆØÅÉ",
    "no": "æøåéÆØÅÉ",
    "fi": "åäöšžÅÄÖŠŽ",
    "pl": "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ",
}


@cache
def alphabet(language: str) -> frozenset[str] | None:
    """All characters that an answer in `language` may hold, the space among them; None when all may."""
    further = _FURTHER_LETTERS.get(language)
    return None if further is None else frozenset(string.ascii_letters + string.digits + SYMBOLS + further)


def restrict_to_language(characters: Iterable[CharacterHypothesis], language: str) -> list[CharacterHypothesis]:
    """The characters in the letters of `language`.

    A foreign letter becomes its base letter ("Š" becomes "S"), a ligature its letters; what has neither is left out.
    """
    allowed = alphabet(language)
    if allowed is None:
        return list(characters)
    return [part for character in characters for part in _restrict_one(character, allowed)]


def _restrict_one(character: CharacterHypothesis, allowed: frozenset[str]) -> list[CharacterHypothesis]:
    alternatives = tuple(other for other in character.alternatives if other.text in allowed)
    if character.text in allowed:
        return [CharacterHypothesis(character.text, character.probability, character.span, alternatives)]
    letters = [letter for letter in unicodedata.normalize("NFKD", character.text) if letter in allowed]
    if not letters:
        return []
    spans = _split(character.span, len(letters))
    return [
        CharacterHypothesis(letter, character.probability, span) for letter, span in zip(letters, spans, strict=True)
    ]


def _split(span: Span | None, parts: int) -> list[Span | None]:
    if span is None:
        return [None] * parts
    step = (span.end - span.start) / parts
    return [Span(span.start + index * step, span.start + (index + 1) * step) for index in range(parts)]
