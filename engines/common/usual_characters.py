"""Which characters are to be expected in a language, of all that a model can write.

A model for 18,000 characters reads "harā-working" where "hard-working" is printed, and a Chinese comma for a comma. So
on a page in Latin script a letter of another script has to be clearly seen; until then the best usual one stands, no
surer than it is. Nothing is left out: what is clearly seen is read, whatever it is. Nothing here knows an engine.
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


@cache
def is_usual(character: str, language: str) -> bool:
    """Whether `character` is to be expected in `language`: in Latin script Latin letters, Greek ones of formulas, and
    all marks but East Asian ones; in every other script everything is.
    """
    known = LANGUAGES.get(language)
    if known is None or known.script is not Script.LATIN or character in string.printable:
        return True
    if character >= _FIRST_EAST_ASIAN:
        return False
    if not unicodedata.category(character[0]).startswith("L"):
        return True
    first, last = _VIETNAMESE_AND_WELSH
    return character <= _LAST_LATIN or first <= character <= last or character in _IN_FORMULAS or character in "ªºⁿ"
