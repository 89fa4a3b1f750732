"""Which characters are to be expected on a page in Latin script, of all that a model can write.

A model for 18,000 characters reads "harā-working" where "hard-working" is printed, and a Chinese comma for a comma. So
on a page in Latin script a letter of another script has to be clearly seen; until then the best usual one stands, no
surer than it is. Nothing is left out: what is clearly seen is read, whatever it is. In every other script all that a
model can write is usual. Nothing here knows an engine.

Some signs have two code points that look the same: "µ" as a unit and as a Greek letter, "," alone and as wide as a
Chinese character. A model shares its probability between them; on a page in Latin script both are the first one.
"""

from __future__ import annotations

import string
import unicodedata

from ocr.text.languages import LANGUAGES, Script

CLEARLY = 0.5
"""The least probability of an unusual character that is read."""

_IN_FORMULAS = frozenset("αβγδεζηθκλμξπρσςτφχψωΓΔΘΛΞΠΣΦΨΩ")
_LAST_LATIN = "\u024f"
_VIETNAMESE_AND_WELSH = ("\u1e00", "\u1eff")
_FIRST_EAST_ASIAN = "\u2e80"

_TWINS = {
    "μ": "µ",
    "\N{OHM SIGN}": "Ω",
    "\N{ANGSTROM SIGN}": "Å",
    "\N{INCREMENT}": "Δ",
    "\N{IDEOGRAPHIC SPACE}": " ",
    "\N{FULLWIDTH CENT SIGN}": "¢",
    "\N{FULLWIDTH POUND SIGN}": "£",
    "\N{FULLWIDTH YEN SIGN}": "¥",
}
_FULL_WIDTH = range(0xFF01, 0xFF5F)
_FROM_FULL_WIDTH = 0xFEE0


def is_latin(language: str) -> bool:
    """Whether the language is one of those that are written in Latin script."""
    known = LANGUAGES.get(language)
    return known is not None and known.script is Script.LATIN


def twin(character: str) -> str | None:
    """The usual code point of the same sign, where `character` is another one."""
    if len(character) != 1:
        return None
    if ord(character) in _FULL_WIDTH:
        return chr(ord(character) - _FROM_FULL_WIDTH)
    return _TWINS.get(character)


def is_usual(character: str) -> bool:
    """Whether `character` is a Latin letter, a Greek one of formulas, or a mark that is not East Asian."""
    if character in string.printable:
        return True
    if twin(character) is not None:
        return False
    if character >= _FIRST_EAST_ASIAN:
        return False
    if not unicodedata.category(character[0]).startswith("L"):
        return True
    first, last = _VIETNAMESE_AND_WELSH
    return character <= _LAST_LATIN or first <= character <= last or character in _IN_FORMULAS or character in "ªºⁿ"
