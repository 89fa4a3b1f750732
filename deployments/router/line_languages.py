"""In which language each line of a page is, from what the engines read of it. Pure.

Who reads without accents still reads words, so every engine's text tells: the probabilities that each gives are
averaged, so that no engine is needed. A page is in the language in which it was read unless another one is at least
SURE; a line of some length may be in one of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocr import Hypothesis
from ocr.text.languages import LANGUAGES

SURE = 0.5
"""The least probability of another language that a page is taken to be in."""
LINE_SURE = 0.9
"""The same of a line that is not in the page's language."""
LINE_LETTERS = 30
"""Shorter lines are in the page's language."""
LEAST_LETTERS = 20
"""A page of fewer letters is in the language in which it was read."""
LEAST_LINES = 3
"""So many lines must be in a language of their own before any is."""


class _Identifier:
    """py3langid's model over the languages that a request may name."""

    def __init__(self) -> None:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        self._identifier: Any = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self._identifier.set_languages([code for code in LANGUAGES if code in self._identifier.labels])
        self.codes: tuple[str, ...] = tuple(self._identifier.labels)

    def probabilities(self, text: str) -> NDArray[np.float64]:
        """Of each of `codes`; they add up to 1."""
        capitals = sum(letter.isupper() for letter in text)
        if 2 * capitals > _letters(text):
            text = text.lower()  # it does so itself, but not where a single letter is small
        ranked: dict[str, float] = dict(self._identifier.rank(text))
        return np.array([ranked[code] for code in self.codes])


@cache
def _identifier() -> _Identifier:
    return _Identifier()


def line_languages(lines: Sequence[Mapping[str, Hypothesis]], asked: Sequence[str], *, any_other: bool) -> list[str]:
    """The language of each line, which was read as one of `asked`; with `any_other` it may be in any."""
    if not lines or (len(asked) == 1 and not any_other):
        return [asked[0]] * len(lines)
    texts = [{name: own.text for name, own in line.items() if not own.abstained} for line in lines]
    whole: dict[str, str] = {}
    for line in texts:
        for name, text in line.items():
            whole[name] = f"{whole.get(name, '')} {text}"
    among = None if any_other else frozenset(asked)
    of_page, sure = _most_probable(list(whole.values()), among)
    page = of_page if of_page is not None and (sure >= SURE or of_page in asked) else asked[0]
    own = [_of_line(list(line.values()), page, among) for line in texts]
    often = Counter(own)
    return [language if language == page or often[language] >= LEAST_LINES else page for language in own]


def _of_line(texts: Sequence[str], page: str, among: frozenset[str] | None) -> str:
    if max(map(_letters, texts), default=0) < LINE_LETTERS:
        return page
    language, sure = _most_probable(texts, among)
    return language if language is not None and sure >= LINE_SURE else page


def _most_probable(texts: Sequence[str], among: frozenset[str] | None) -> tuple[str | None, float]:
    """The language that the engines' texts are likeliest in, and how likely; None for too few letters."""
    told = [text for text in texts if _letters(text) >= LEAST_LETTERS]
    if not told:
        return None, 0.0
    identifier = _identifier()
    mean = np.mean([identifier.probabilities(text) for text in told], axis=0)
    if among is not None:
        mean = np.where([code in among for code in identifier.codes], mean, 0.0)
        if not mean.any():
            return None, 0.0
        mean = mean / mean.sum()
    best = int(mean.argmax())
    return identifier.codes[best], float(mean[best])


def _letters(text: str) -> int:
    return sum(character.isalpha() for character in text)
