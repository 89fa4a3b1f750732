"""Which characters are to be expected in a language, of all that a model can write.

A model for 18,000 characters reads "harā-working" where "hard-working" is printed, and a Chinese comma for a comma. So
on a page in Latin script a letter of another script has to be clearly seen; until then the best usual one stands, no
surer than it is. Nothing is left out: what is clearly seen is read, whatever it is. Nothing here knows an engine.

Some signs have two code points that look the same: "µ" as a unit and as a Greek letter, "," alone and as wide as a
Chinese character. A model shares its probability between them; on a page in Latin script both are the first one.
"""

from __future__ import annotations

import string
import unicodedata
from functools import cache

from ocr.languages import LANGUAGES, Script

CLEARLY = 0.5
"""The least probability of an unusual character that is read."""

_IN_FORMULAS = frozenset("αβγδεζηθκλμξπρσςτφχψωΓΔΘΛΞΠΣΦΨΩ")
_LAST_LATIN = "\u024f"
_VIETNAMESE_AND_WELSH = ("\u1e00", "\u1eff")
_FIRST_EAST_ASIAN = "\u2e80"


_TWINS = {"μ": "µ", "\N{OHM SIGN}": "Ω", "\N{ANGSTROM SIGN}": "Å", "\N{INCREMENT}": "Δ", "\N{IDEOGRAPHIC SPACE}": " "}
_FULL_WIDTH = range(0xFF01, 0xFF5F)
_FROM_FULL_WIDTH = 0xFEE0


@cache
def twin(character: str, language: str) -> str | None:
    """The usual code point of the same sign in `language`, where `character` is another one."""
    known = LANGUAGES.get(language)
    if known is None or known.script is not Script.LATIN or len(character) != 1:
        return None
    if ord(character) in _FULL_WIDTH:
        return chr(ord(character) - _FROM_FULL_WIDTH)
    return _TWINS.get(character)


@cache
def is_usual(character: str, language: str) -> bool:
    """Whether `character` is to be expected in `language`: in Latin script Latin letters, Greek ones of formulas, and
    all marks but East Asian ones; in every other script everything is.
    """
    known = LANGUAGES.get(language)
    if known is None or known.script is not Script.LATIN or character in string.printable:
        return True
    if twin(character, language) is not None:
        return False
    if character >= _FIRST_EAST_ASIAN:
        return False
    if not unicodedata.category(character[0]).startswith("L"):
        return True
    first, last = _VIETNAMESE_AND_WELSH
    return character <= _LAST_LATIN or first <= character <= last or character in _IN_FORMULAS or character in "ªºⁿ"
