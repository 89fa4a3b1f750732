"""Readings held to the characters that a part of a page may have. Pure.

An engine that knows no such bound says what it sees; of each of its characters the best guess counts that is allowed,
else the allowed one that looks most like it (0 for O), else none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby

from ocr import CharacterHypothesis, Hypothesis

# Each row looks alike, from the most to the least usual.
_ALIKE = (
    "0OoQD",
    "1lI|i!",
    "2Zz",
    "5Ss",
    "8B",
    "6Gb",
    "9gq",
    "7T",
    "4A",
    "3E",
    "uv",
    "cC",
    "xX",
    "wW",
    "kK",
    "pP",
    "-–—_",
    ".,",
)
_OF_A_GUESS = 0.5
"""How much of its probability a character keeps that was taken for one that looks like it."""


def _look_alikes() -> Mapping[str, str]:
    """For each character those that look like it."""
    alike: dict[str, str] = {}
    for row in _ALIKE:
        for character in row:
            alike[character] = alike.get(character, "") + row.replace(character, "")
    return alike


_LOOK_ALIKES = _look_alikes()


def held_to(hypothesis: Hypothesis, allowed: frozenset[str]) -> Hypothesis:
    """The reading with allowed characters only. A word of which not every character has one keeps those that are
    allowed as they stand: "EUR" is no 3, though E looks like it.
    """
    if hypothesis.abstained:
        return hypothesis
    kept: list[CharacterHypothesis] = []
    for is_space, characters in groupby(hypothesis.characters, lambda character: character.text.isspace()):
        word = list(characters)
        if is_space:
            kept += word[:1] if kept and not kept[-1].text.isspace() else []
            continue
        held = [_allowed(character, allowed) for character in word]
        whole = all(character is not None for character in held)
        kept += [
            now for now, was in zip(held, word, strict=True) if now is not None and (whole or now.text == was.text)
        ]
    while kept and kept[-1].text.isspace():
        kept.pop()
    return Hypothesis.of(kept)


def _allowed(character: CharacterHypothesis, allowed: frozenset[str]) -> CharacterHypothesis | None:
    others = tuple(guess for guess in character.alternatives if guess.text in allowed)
    if character.text in allowed:
        return replace(character, alternatives=others)
    if others:
        return replace(character, text=others[0].text, probability=others[0].probability, alternatives=others[1:])
    for alike in (character.text.upper(), character.text.lower(), *_LOOK_ALIKES.get(character.text, "")):
        if alike in allowed:
            return replace(character, text=alike, probability=_OF_A_GUESS * character.probability, alternatives=())
    return None
