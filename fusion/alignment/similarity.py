"""What it costs to align two characters, or a character with nothing.

Costs are integers, so that sums are exact and the cheapest alignment never depends on the order of additions. A gap
costs 75 and two unlike characters 100, the ratio of ROVER's 3 : 4 (Fiscus 1997, doi:10.1109/ASRU.1997.659110).
Characters that recognisers take for each other cost less, so that they meet in one slot and the engines vote between
them: o and 0, l and 1 and I, rn and m.

The tables hold what Latin shapes do to any recogniser. They know no engine; what a certain engine confuses is in its
evidence (fusion/evidence/claim_evidence.py).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

NULL = ""
"""The text of a hypothesis that has no character in a slot (ROVER's NULL arc)."""

GAP = 75
DIFFERENT = 100
SAME_KIND = 90  # two letters, or two digits
MARKS = 50  # two punctuation marks
LOOKALIKE = 30
SAME_LETTER = 30  # upper and lower case, or with and without its accent
TYPOGRAPHIC = 5
SPACE_AND_INK = 120  # a space and a printed character rarely stand for the same thing

# Two characters read as one cost one gap and a little: never less than a gap, so that an exact match always wins over
# it.
MERGE = GAP + 15

_TYPOGRAPHIC_FORMS = {
    "'": "‘’‚‛′`´ʼ＇‹›",
    '"': "“”„‟″«»＂",
    "-": "‐‑‒–—―−﹣－",
    ".": "․．",
    ",": "，",
    ":": "：∶",
    ";": "；",
    "(": "（",
    ")": "）",
    "!": "！",
    "?": "？",
    "/": "⁄∕／",
    "*": "∗＊",
    "|": "｜¦",
    "¥": "￥",
    "£": "￡",
    "¢": "￠",
}
_FOLD = {form: plain for plain, forms in _TYPOGRAPHIC_FORMS.items() for form in forms}

_LOOKALIKES = (
    "oO0QDCcθ",
    "lI1i|!/]['",
    "S5s$",
    "B8&3",
    "Z2z7",
    "G6b",
    "g9q",
    "uvUVyY",
    "nhrm",
    "ce",
    "aeo",
    "tf+",
    "ft",
    "jJ;",
    "kKxX",
    "wW",
    "pP",
    "T7",
    "A4",
    ".,",
    ":;",
    "'`\"",
    "-_~=",
    "({[<C",
    ")}]>",
    "*%#",
)

MERGED_PAIRS: dict[str, str] = {
    "rn": "m", "ni": "m", "in": "m", "nn": "m", "vv": "wW", "VV": "W", "cl": "d", "ci": "d", "ol": "d", "ri": "n",
    "ii": "nu", "il": "u", "li": "hu", "lo": "b", "lc": "k", "lt": "H", "I<": "K", "l<": "k", "|<": "K", "I)": "D",
    "|)": "D", "IV": "N", "()": "O0", "/\\": "A", "\\/": "V", "fi": "ﬁ", "fl": "ﬂ", "ff": "ﬀ", "oe": "œ", "ae": "æ",
    "OE": "Œ", "AE": "Æ", "ss": "ß", "''": '"', "``": '"', "‘‘": "“", "’’": "”", ",,": "„",
}  # fmt: skip
"""Pairs of characters, and the single characters that they are read as, and that are read as them: merge and split
errors.
"""


@lru_cache(maxsize=65536)
def folded(text: str) -> str:
    """The text with typographic quotes, dashes and full-width marks in their plain form."""
    return "".join(_FOLD.get(letter, letter) for letter in text)


@lru_cache(maxsize=65536)
def distance(one: str, other: str) -> int:
    """What it costs to align `one` with `other`; 0 only for the same text. Symmetric."""
    if one == other:
        return 0
    if NULL in (one, other):
        return GAP
    if one.isspace() or other.isspace():
        return SPACE_AND_INK
    if folded(one) == folded(other):
        return TYPOGRAPHIC
    if _bare(one) == _bare(other):
        return SAME_LETTER
    if any(folded(one) in group and folded(other) in group for group in _LOOKALIKES):
        return LOOKALIKE
    return _unlike(one, other)


@lru_cache(maxsize=65536)
def merge_distance(first: str, second: str, single: str) -> int:
    """What it costs to align the pair `first`, `second` with the character `single`, in the same two slots."""
    if single and single in MERGED_PAIRS.get(first + second, ""):
        return MERGE
    return distance(first, single) + distance(second, NULL)


def _bare(text: str) -> str:
    """The letter without case and accent; other characters as they are."""
    return unicodedata.normalize("NFD", text)[0].casefold()


def _unlike(one: str, other: str) -> int:
    if (one.isalpha() and other.isalpha()) or (one.isdigit() and other.isdigit()):
        return SAME_KIND
    if not one.isalnum() and not other.isalnum():
        return MARKS
    return DIFFERENT
