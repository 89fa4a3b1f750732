"""How likely a run of characters is as a text: what settles "ohildren" against "children" and "O5/O1" against "05/01".

An n-gram model over symbols with back-off (Katz 1987, doi:10.1109/TASSP.1987.1165125; smoothed as Witten and Bell 1991,
doi:10.1109/18.87000). A symbol is a letter without its case and accent, "0" for every digit, a space, or a mark: so it
holds words, and patterns of dates, amounts and codes, but says nothing of which digit it is or of case. It is only
ever asked which of the engines' texts is the likeliest; it never adds a text of its own. Logarithms are natural.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from fusion.alignment.similarity import folded

MARKS = ".,:;'\"-()/&%$!?*#="
OTHER = "~"
"""Stands for every character that is no Latin letter, no digit, no space and no mark of the list."""

_UNSEEN = -9.0  # of a symbol that was never seen, in any context
_REMEMBERED = 100_000  # grams: some ten megabytes at most


@lru_cache(maxsize=65536)
def symbols(text: str) -> str:
    """The symbol of each letter of a text."""
    return "".join([_symbol(letter) for letter in folded(text)])


def _symbol(letter: str) -> str:
    bare = unicodedata.normalize("NFD", letter)[0].lower()
    if "a" <= bare <= "z" or bare in MARKS:
        return bare
    if bare.isspace():
        return " "
    return "0" if bare.isdigit() else OTHER


@dataclass(frozen=True)
class SpellingModel:
    """`likelihoods[gram]` is the log-probability of the last symbol of a gram after the others; `backoffs[context]` the
    log-weight with which a context without the gram is shortened by its first symbol. Grams have at most `order`
    symbols.
    """

    order: int
    likelihoods: Mapping[str, float]
    backoffs: Mapping[str, float] = field(default_factory=dict)
    _known: dict[str, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.order < 2:
            raise ValueError(f"spelling of order {self.order}; want at least 2")
        if any(value > 0.0 for value in self.likelihoods.values()):
            raise ValueError("spelling: a log-probability is above 0")

    def log_probability(self, before: str, text: str, after: str) -> float:
        """Of a text and of what follows it, given what stands before; all in symbols."""
        reach = self.order - 1
        whole = before[-reach:] + text + after
        known = self._known
        total = 0.0
        for end in range(min(reach, len(before)), len(whole)):
            gram = whole[end - reach : end + 1] if end >= reach else whole[: end + 1]
            value = known.get(gram)
            total += self._remember(gram) if value is None else value
        return total

    def _remember(self, gram: str) -> float:
        """The same few grams are asked for again and again."""
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        value = self._known[gram] = self._of_last(gram)
        return value

    def _of_last(self, gram: str) -> float:
        weight = 0.0
        while (found := self.likelihoods.get(gram)) is None:
            if len(gram) == 1:
                return weight + _UNSEEN
            weight += self.backoffs.get(gram[:-1], 0.0)
            gram = gram[1:]
        return weight + found


def context_of(texts: Sequence[str], index: int, length: int) -> tuple[str, str]:
    """Up to `length` symbols before and after text `index` of a line that is made of these texts. A line begins and
    ends with a space.
    """
    first, last = max(0, index - length), min(len(texts), index + 1 + length)  # a text mostly has one symbol
    before, after = "".join(map(symbols, texts[first:index])), "".join(map(symbols, texts[index + 1 : last]))
    while first > 0 and len(before) < length:
        first -= 1
        before = symbols(texts[first]) + before
    while last < len(texts) and len(after) < length:
        after += symbols(texts[last])
        last += 1
    if len(before) < length:
        before = " " + before
    if len(after) < length:
        after += " "
    return before[-length:], after[:length]
