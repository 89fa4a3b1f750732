"""Makes the languages of the vote (fusion.evidence.language) from word frequencies.

English words and word pairs are those of the package symspellpy, words of other languages those of pyspellchecker, and
where it has none those of wordfreq.
Pages have no part in it: what is spelt like the pages at hand would not help on others. For n-grams frequencies are
raised to a power below 1, so that a rare word is still a word. Each gram's probability is interpolated with the one of
the gram without its first symbol (Witten and Bell 1991); grams that say no more than that are left out, which keeps
the file small.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fusion.evidence.language import Language, Languages, bare_word
from fusion.evidence.spelling_model import MARKS, OTHER, SpellingModel, symbols

ORDER = 5
OTHER_LANGUAGES = ("fr", "de", "es", "it", "nl", "pt")
FURTHER_LANGUAGES = ("cs", "da", "pl", "sk", "sv")
"""Those whose words wordfreq has."""
_POWER = 0.75
_WORD_SYMBOLS = 3_000_000.0  # as many as all words together count, and as many as all pairs
_PAIRS = 60_000
_SPELT = 60_000  # words of a language that its n-grams are counted from
_MIN_ACCENTED = 0.05  # of a word's occurrences: a smaller part is mistakes
_RARE = 2  # times that a word was seen: mistakes are among those
_ALPHABET = len(MARKS) + len(OTHER) + 26 + 2

Counts = dict[str, dict[str, float]]
"""context -> next symbol -> weight"""
Frequencies = dict[str, float]


@dataclass(frozen=True, slots=True)
class Size:
    """How much of a language is kept: so many words, contexts seen so often, grams that say so many nats more."""

    words: int
    min_context: float
    min_gain: float


LARGE, SMALL = Size(60_000, 40.0, 0.25), Size(20_000, 100.0, 0.4)


def fit_languages() -> Languages:
    """English first: it is what a page without words is taken for."""
    english = _frequencies("frequency_dictionary_en_82_765.txt", 1)
    pairs = _frequencies("frequency_bigramdictionary_en_243_342.txt", 2, _PAIRS)
    others = {name: _other_words(name) for name in OTHER_LANGUAGES} | {
        name: _further_words(name) for name in FURTHER_LANGUAGES
    }
    return Languages(
        {"en": fit_language(english, pairs, LARGE)}
        | {name: fit_language(words, {}, SMALL) for name, words in others.items()}
    )


def fit_language(words: Frequencies, pairs: Frequencies, size: Size) -> Language:
    """From the frequencies of words, and of pairs of words with a space between them."""
    bare: Frequencies = defaultdict(float)
    accented: Frequencies = defaultdict(float)
    for word, frequency in words.items():
        bare[bare_word(word)] += frequency
        if not word.isascii():
            accented[bare_word(word)] += frequency
    total = sum(bare.values())
    ranked = sorted(bare.items(), key=lambda item: (-item[1], item[0]))
    spelling = _spelling(dict(ranked[:_SPELT]), pairs, size)
    kept = ranked[: size.words]
    parts = {word: accented[word] / own for word, own in kept if accented[word] > _MIN_ACCENTED * own}
    return Language(spelling, {word: math.log(own / total) for word, own in kept}, parts)


def _spelling(words: Frequencies, pairs: Frequencies, size: Size) -> SpellingModel:
    counts: Counts = defaultdict(lambda: defaultdict(float))
    for frequencies in (words, pairs):
        weighted = {text: frequency**_POWER for text, frequency in frequencies.items()}
        total = sum(weight * (len(text) + 1) for text, weight in weighted.items())
        for text, weight in weighted.items():
            _count(counts, f" {symbols(text)} ", weight / total * _WORD_SYMBOLS)
    return _smoothed(counts, size)


def _other_words(name: str) -> Frequencies:
    content = json.loads(gzip.decompress((_folder("spellchecker") / "resources" / f"{name}.json.gz").read_bytes()))
    return {word: float(frequency) for word, frequency in content.items() if frequency > _RARE}


def _further_words(name: str) -> Frequencies:
    """A file of wordfreq has a head, then the words of each frequency, each a hundredth of a power of ten below the one
    before.
    """
    import msgpack

    content = gzip.decompress((_folder("wordfreq") / "data" / f"small_{name}.msgpack.gz").read_bytes())
    _, *groups = msgpack.unpackb(content)
    return {word: 10.0 ** (-place / 100.0) for place, words in enumerate(groups) for word in words if _is_word(word)}


def _is_word(text: str) -> bool:
    return all(part.isalpha() for part in text.split("'"))


def _frequencies(name: str, words: int, most: int | None = None) -> dict[str, float]:
    """The rows "word ... frequency" of a file, the most frequent first."""
    rows = [row.split() for row in (_folder("symspellpy") / name).read_text(encoding="utf-8-sig").splitlines()]
    ranked = sorted(rows, key=lambda row: -float(row[words]))[:most]
    return {" ".join(row[:words]): float(row[words]) for row in ranked}


def _folder(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"{package}, which brings words, is not installed: pip install '.[train]'")
    return Path(found.origin).parent


def _count(counts: Counts, text: str, weight: float) -> None:
    for end in range(1, len(text)):
        for start in range(max(0, end - ORDER + 1), end + 1):
            counts[text[start:end]][text[end]] += weight


def _smoothed(counts: Counts, size: Size) -> SpellingModel:
    likelihoods: dict[str, float] = {}
    backoffs: dict[str, float] = {}
    shorter = SpellingModel(ORDER, likelihoods, backoffs)  # grows with the two
    for context in sorted(counts, key=len):
        following = counts[context]
        total = sum(following.values())
        if len(context) > 1 and (total < size.min_context or context[1:] not in backoffs):
            continue
        rest = len(following) / (total + len(following))
        likelihoods.update(_grams(context, following, (total, rest), shorter, size.min_gain))
        if context:
            backoffs[context] = math.log(rest)
    return SpellingModel(ORDER, likelihoods, backoffs)


def _grams(
    context: str, following: Mapping[str, float], mass: tuple[float, float], shorter: SpellingModel, min_gain: float
) -> list[tuple[str, float]]:
    """The grams that begin with a context, and their log-probabilities. `mass` is the weight of all that follows it,
    and the part of it that is left to shorter contexts.
    """
    total, rest = mass
    found = []
    for symbol, weight in following.items():
        without = shorter.log_probability(context[1:], symbol, "") if context else -math.log(_ALPHABET)
        value = math.log((1.0 - rest) * weight / total + rest * math.exp(without))
        if len(context) < 2 or abs(value - (math.log(rest) + without)) > min_gain:
            found.append((context + symbol, min(0.0, value)))
    return found
