"""How what was read is compared with what is true: which differences count, and how many edits there are.

Accents are joined with their letters (NFC), and typographic quotes and dashes are folded, because the truths are not
consistent in them; runs of white space count as one space; a set whose truth is in capitals is compared without case.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

_FOLDED = str.maketrans({"‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "\u00ad": "-"})
CAPITAL_SETS = frozenset({"sroie"})
"""Sets whose truth is in capitals whatever the picture shows."""


def normalised(text: str, *, ignore_case: bool) -> str:
    """`text` as it is compared."""
    folded = re.sub(r"\s+", " ", unicodedata.normalize("NFC", text).translate(_FOLDED)).strip()
    return folded.upper() if ignore_case else folded


@dataclass(frozen=True, slots=True)
class EditCount:
    """Edits that turn what was read into what is true, and the length of what is true; in characters or in words."""

    edits: int = 0
    length: int = 0

    def __add__(self, other: EditCount) -> EditCount:
        return EditCount(self.edits + other.edits, self.length + other.length)

    @property
    def rate(self) -> float:
        return self.edits / self.length if self.length else 0.0


def character_edits(read: str, truth: str) -> EditCount:
    """Of characters; both texts as they are compared."""
    return EditCount(Levenshtein.distance(read, truth), len(truth))


def word_edits(read: str, truth: str) -> EditCount:
    """Of words; both texts as they are compared."""
    return EditCount(Levenshtein.distance(read.split(), truth.split()), len(truth.split()))


def correct_characters(read: str, truth: str) -> list[bool]:
    """For each character read, whether it is right, as the fewest edits have it."""
    right = [False] * len(read)
    for block in Levenshtein.editops(read, truth).as_matching_blocks():
        right[block.a : block.a + block.size] = [True] * block.size
    return right


def held_words(read: str, truth: str) -> tuple[list[int], int]:
    """For each word read, of how many true words it has more characters than any other word, as the fewest edits have
    it: of two where a space was missed. And how many true words no word read has any of.
    """
    place = [-1] * len(truth)
    for block in Levenshtein.editops(read, truth).as_matching_blocks():
        place[block.b : block.b + block.size] = range(block.a, block.a + block.size)
    word_at = {at: word for word, found in enumerate(re.finditer(r"\S+", read)) for at in range(*found.span())}
    held, lost = [0] * len(read.split()), 0
    for found in re.finditer(r"\S+", truth):
        words = Counter(word_at[at] for at in place[found.start() : found.end()] if at in word_at)
        if words:
            held[max(words, key=lambda word: (words[word], -word))] += 1
        else:
            lost += 1
    return held, lost


def correct_words(read: str, truth: str) -> Iterator[bool]:
    """For each word read, whether it stands in the truth, as the fewest edits have it."""
    place = [-1] * len(read)
    for block in Levenshtein.editops(read, truth).as_matching_blocks():
        place[block.a : block.a + block.size] = range(block.b, block.b + block.size)
    padded = f" {truth} "
    for found in re.finditer(r"\S+", read):
        first, last = place[found.start()], place[found.end() - 1]
        whole = first >= 0 and last - first == found.end() - found.start() - 1 and truth[first : last + 1] == found[0]
        yield whole and padded[first] == " " and padded[last + 2] == " "
