"""Makes the spelling model (fusion.evidence.spelling_model) from words and word pairs with their frequencies, and from
texts.

Words are those of the package symspellpy (its English frequency dictionaries); texts are the true lines of pages that
training may see. Frequencies are raised to a power below 1, so that a rare word is still a word. Each gram's
probability is interpolated with the one of the gram without its first symbol (Witten and Bell 1991); grams that say no
more than that are left out, which keeps the file small.
"""

from __future__ import annotations

import importlib.util
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from fusion.evidence.spelling_model import MARKS, OTHER, SpellingModel, symbols

ORDER = 5
_POWER = 0.75
_WORD_SYMBOLS = 3_000_000.0  # as many as all words together count, and as many as all pairs
_TEXT_WEIGHT = 20.0  # of one true line against that
_PAIRS = 60_000
_MIN_CONTEXT = 40.0  # symbols seen after a context that is kept
_MIN_GAIN = 0.25  # nats by which a kept gram differs from what is made of shorter ones
_ALPHABET = len(MARKS) + len(OTHER) + 26 + 2

Counts = dict[str, dict[str, float]]
"""context -> next symbol -> weight"""


def fit_spelling(texts: Iterable[str]) -> SpellingModel:
    """The model of English words, and of texts: true lines of pages."""
    counts: Counts = defaultdict(lambda: defaultdict(float))
    for weighted in (_frequencies("frequency_dictionary_en_82_765.txt", 1), _pairs()):
        total = sum(weight * (len(text) + 1) for text, weight in weighted.items())
        for text, weight in weighted.items():
            _count(counts, f" {symbols(text)} ", weight / total * _WORD_SYMBOLS)
    for text in texts:
        _count(counts, f" {symbols(text)} ", _TEXT_WEIGHT)
    return _smoothed(counts)


def _pairs() -> dict[str, float]:
    return _frequencies("frequency_bigramdictionary_en_243_342.txt", 2, _PAIRS)


def _frequencies(name: str, words: int, most: int | None = None) -> dict[str, float]:
    """The rows "word ... frequency" of a file, the most frequent first."""
    rows = [row.split() for row in (_folder() / name).read_text(encoding="utf-8-sig").splitlines()]
    ranked = sorted(rows, key=lambda row: -float(row[words]))[:most]
    return {" ".join(row[:words]): float(row[words]) ** _POWER for row in ranked}


def _folder() -> Path:
    found = importlib.util.find_spec("symspellpy")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("symspellpy, which brings the words, is not installed: pip install '.[train]'")
    return Path(found.origin).parent


def _count(counts: Counts, text: str, weight: float) -> None:
    for end in range(1, len(text)):
        for start in range(max(0, end - ORDER + 1), end + 1):
            counts[text[start:end]][text[end]] += weight


def _smoothed(counts: Counts) -> SpellingModel:
    likelihoods: dict[str, float] = {}
    backoffs: dict[str, float] = {}
    shorter = SpellingModel(ORDER, likelihoods, backoffs)  # grows with the two
    for context in sorted(counts, key=len):
        following = counts[context]
        total = sum(following.values())
        if len(context) > 1 and (total < _MIN_CONTEXT or context[1:] not in backoffs):
            continue
        rest = len(following) / (total + len(following))
        likelihoods.update(_grams(context, following, total, rest, shorter))
        if context:
            backoffs[context] = math.log(rest)
    return SpellingModel(ORDER, likelihoods, backoffs)


def _grams(
    context: str, following: Mapping[str, float], total: float, rest: float, shorter: SpellingModel
) -> list[tuple[str, float]]:
    """The grams that begin with a context, and their log-probabilities."""
    found = []
    for symbol, weight in following.items():
        without = shorter.log_probability(context[1:], symbol, "") if context else -math.log(_ALPHABET)
        value = math.log((1.0 - rest) * weight / total + rest * math.exp(without))
        if len(context) < 2 or abs(value - (math.log(rest) + without)) > _MIN_GAIN:
            found.append((context + symbol, min(0.0, value)))
    return found
