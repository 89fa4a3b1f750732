"""What language a page is in, and how likely a text is in it.

A language has an n-gram model of its spelling and the words in use with their frequencies. The words that all engines
read alike say in which languages a page is, and how much of it is words that they know at all; a page may mix some.
Words count without case and accent, so that an engine without accents is judged by its letters.
"""

from __future__ import annotations

import gzip
import json
import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusion.evidence.spelling_model import SpellingModel

AFFIXED = ".,:;'\"-()/&%$!?*#=[]<>_~|{}+"
"""Marks that stand before and after words."""

_JOINTS = "-/'"
_UNKNOWN_WORD, _UNKNOWN_LETTER = -14.0, -1.8
_NUMBER, _NUMBER_DIGIT = -9.0, -0.8
_MIXED, _MIXED_LETTER = -12.0, -2.0
_AFFIX = -1.5
_ODD_CASE = -1.0  # "tHe"
_MIN_SHARE = 0.2
_ROUNDS = 6
_HUNDREDTHS = 100.0
_REMEMBERED = 20_000


@dataclass(frozen=True)
class Language:
    """`words[word]` is the log of the word's relative frequency; words are bare: lower case, without accents.
    `accented[word]` is the part of its occurrences that have an accent, where that is not next to none.
    """

    spelling: SpellingModel
    words: Mapping[str, float]
    accented: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Languages:
    """Languages by name. Those that were read from a file travel between processes as the name of that file."""

    by_name: Mapping[str, Language]
    source: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.by_name:
            raise ValueError("a set of languages without one")

    def __reduce__(self) -> tuple[Callable[..., Languages], tuple[object, ...]]:
        if self.source is not None:
            return read_languages, (self.source,)
        return Languages, (dict(self.by_name),)

    def of_page(self, words: Iterable[str]) -> PageLanguage:
        """The mixture of languages that makes some words of a page likeliest (expectation maximisation)."""
        found = [bare for bare in map(bare_word, words) if len(bare) > 1 and bare.isalpha()]
        names = list(self.by_name)
        likelihoods = np.array(
            [
                [*[math.exp(self.by_name[name].words.get(word, -99.0)) for name in names], _unknown_likelihood(word)]
                for word in found
            ]
        ).reshape(len(found), len(names) + 1)
        shares = _mixture(likelihoods)
        known = float(shares[:-1].sum())
        parts = [float(share) / known for share in shares[:-1]]
        least = min(_MIN_SHARE, max(parts))  # of words that many languages share none may have so much
        own = zip(names, parts, strict=True)
        return PageLanguage(tuple((self.by_name[name], part) for name, part in own if part >= least), known)


@dataclass(frozen=True)
class PageLanguage:
    """The languages of a page with their shares, and the share of its words that they know."""

    mixture: tuple[tuple[Language, float], ...]
    known: float
    _scores: dict[str, float] = field(default_factory=dict, init=False, repr=False, compare=False)
    _runs: dict[tuple[str, str, str], float] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def order(self) -> int:
        return self.mixture[0][0].spelling.order

    def spelling(self, before: str, text: str, after: str) -> float:
        """The log-probability of a text and of what follows it, given what stands before; all in symbols."""
        run = before, text, after
        found = self._runs.get(run)
        if found is None:
            if len(self._runs) >= _REMEMBERED:
                self._runs.clear()
            found = self._runs[run] = self._spelling(before, text, after)
        return found

    def _spelling(self, before: str, text: str, after: str) -> float:
        terms = [
            math.log(share) + language.spelling.log_probability(before, text, after) for language, share in self.mixture
        ]
        if len(terms) == 1:
            return terms[0]
        highest = max(terms)
        return highest + math.log(sum([math.exp(term - highest) for term in terms]))

    def words(self, text: str) -> float:
        """The sum of the log-probabilities of the words in a text."""
        tokens = text.split()
        return sum(map(self.word, tokens)) if tokens else _AFFIX * 2

    def word(self, token: str) -> float:
        """The log-probability of one word with the marks around it; a guess where no language knows it."""
        score = self._scores.get(token)
        if score is None:
            if len(self._scores) >= _REMEMBERED:
                self._scores.clear()
            score = self._scores[token] = self._word(token)
        return score

    def _word(self, token: str) -> float:
        word = token.strip(AFFIXED)
        affixes = _AFFIX * (len(token) - len(word))
        if not word:
            return affixes - 2.0
        bare = bare_word(word)
        frequency = self._frequency(bare)
        if frequency > 0.0:
            usual = word.islower() or word.isupper() or word.istitle()
            return math.log(frequency) + affixes + (0.0 if usual else _ODD_CASE)
        if any(letter.isdigit() for letter in word):
            number = all(letter.isdigit() or letter in AFFIXED for letter in word)
            base, each = (_NUMBER, _NUMBER_DIGIT) if number else (_MIXED, _MIXED_LETTER)
            return base + each * len(word) + affixes
        for joint in _JOINTS:
            if joint in bare:
                return sum(self.word(part) for part in bare.split(joint) if part) - 2.0 + affixes
        return _UNKNOWN_WORD + _UNKNOWN_LETTER * len(word) + affixes

    def knows(self, token: str) -> bool:
        """Whether a language of the page has the word."""
        bare = bare_word(token)
        return any(bare in language.words for language, _ in self.mixture)

    def accented(self, token: str) -> float:
        """How often a word that was read without accents has one, in [0, 1]."""
        if not token.isascii():
            return 0.0
        bare = bare_word(token)
        found = [
            (share * math.exp(log), language.accented.get(bare, 0.0))
            for language, share in self.mixture
            if (log := language.words.get(bare)) is not None
        ]
        total = sum(weight for weight, _ in found)
        return sum(weight * part for weight, part in found) / total if total else 0.0

    def _frequency(self, bare: str) -> float:
        known = ((language.words.get(bare), share) for language, share in self.mixture)
        return sum(share * math.exp(log) for log, share in known if log is not None)


@lru_cache(maxsize=65536)
def bare_word(token: str) -> str:
    """A word in lower case without accents and without the marks around it."""
    word = token.strip(AFFIXED).lower()
    if word.isascii():
        return word
    return "".join(letter for letter in unicodedata.normalize("NFD", word) if not unicodedata.combining(letter))


def _unknown_likelihood(word: str) -> float:
    return math.exp(-10.0 + _UNKNOWN_LETTER * len(word))


def _mixture(likelihoods: NDArray[np.float64]) -> NDArray[np.float64]:
    """The shares of the columns, drawn to even ones and the first language as if three words had said so."""
    prior = np.ones(likelihoods.shape[1])
    prior[0] = 2.0
    prior /= prior.sum()
    shares = prior
    for _ in range(_ROUNDS):
        parts = likelihoods * shares
        parts /= parts.sum(axis=1, keepdims=True) + 1e-300
        shares = parts.sum(axis=0) + 3.0 * prior
        shares = shares / shares.sum()
    return shares


def word_around(texts: Sequence[str], index: int) -> tuple[str, str]:
    """What of its word stands before and after text `index` of a line that is made of these texts."""
    first = index
    while first > 0 and " " not in texts[first - 1]:
        first -= 1
    last = index + 1
    while last < len(texts) and " " not in texts[last]:
        last += 1
    return "".join(texts[first:index]), "".join(texts[index + 1 : last])


@lru_cache(maxsize=2)
def read_languages(path: Path) -> Languages:
    """From a file that `write_languages` wrote; read once in a process."""
    content = json.loads(gzip.decompress(path.read_bytes()))
    return Languages(
        {
            name: Language(
                SpellingModel(own["order"], _negated(own["costs"]), _negated(own["backoffs"])),
                _negated(own["words"]),
                {word: part / _HUNDREDTHS for word, part in own["accented"].items()},
            )
            for name, own in content.items()
        },
        path,
    )


def write_languages(languages: Languages, path: Path) -> None:
    """Logarithms in hundredths, so that the file stays small; the same bytes for the same languages."""
    content = {
        name: {
            "order": own.spelling.order,
            "costs": _hundredths(own.spelling.likelihoods),
            "backoffs": _hundredths(own.spelling.backoffs),
            "words": _hundredths(own.words),
            "accented": {word: round(part * _HUNDREDTHS) for word, part in sorted(own.accented.items())},
        }
        for name, own in languages.by_name.items()
    }
    text = json.dumps(content, separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def _negated(costs: Mapping[str, int]) -> dict[str, float]:
    """Equal values share one object: there are hundreds of thousands."""
    values = [-cost / _HUNDREDTHS for cost in range(max(costs.values(), default=0) + 1)]
    return {text: values[cost] for text, cost in costs.items()}


def _hundredths(logarithms: Mapping[str, float]) -> dict[str, int]:
    return {text: round(-value * _HUNDREDTHS) for text, value in sorted(logarithms.items())}
