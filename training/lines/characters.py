"""The characters that the line networks are trained to write, in the order of their classes.

ASCII comes first, in the order of the first network, so that weights for ASCII alone are gone on from. Then the letters
of every language that is written in Latin script, and the marks that stand in English documents. The last class is
UNWRITABLE: a network that sees a character of another script says so, and does not take it for one of its own.

Of characters that look alike everywhere one is written: the micro sign for the Greek mu, the ohm sign's Greek omega,
the hyphen for the minus sign.
"""

from __future__ import annotations

import string
import unicodedata

from ocr.text.alphabet import UNWRITABLE

PRINTABLE = string.digits + string.ascii_letters + string.punctuation + " "
"""The 95 printable characters of ASCII."""

_ACCENTED = (
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ"
    "ĀāĂăĄąĆćĈĉĊċČčĎďĐđĒēĔĕĖėĘęĚěĜĝĞğĠġĢģĤĥĦħĨĩĪīĬĭĮįİıĴĵĶķĹĺĻļĽľŁłŃńŅņŇňŊŋŌōŎŏŐőŒœŔŕŖŗŘřŚśŜŝŞşŠšŢţŤťŦŧ"
    "ŨũŪūŬŭŮůŰűŲųŴŵŶŷŸŹźŻżŽžſ"
)
_FURTHER_LATIN = "ƏəƠơƯưȘșȚțẞƁɓƊɗƘƙƐɛƆɔǍǎǏǐǑǒǓǔẀẁẂẃẄẅỲỳḤḥṢṣṬṭ"
_VIETNAMESE = "".join(map(chr, range(0x1EA0, 0x1EFA)))
LATIN_LETTERS = "".join(dict.fromkeys(_ACCENTED + _FURTHER_LATIN + _VIETNAMESE))
"""Latin letters beyond ASCII: of European languages, Turkish, Azerbaijani, Vietnamese, Hausa, Ewe, and as they are put
in for other scripts.
"""

GREEK = "αβγδεζηθλξπρσςτφχψωΓΔΘΛΞΠΣΦΨΩ"
"""Greek letters as they stand in formulas; those that look like Latin ones are not among them."""

QUOTES = "‘’‚“”„«»‹›′″"
DASHES = "–—"
MARKS = "€£¥¢₹₽₺ƒ" + "°±×÷≤≥≠≈√∞µ∑∫∂¬" + "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ₀₁₂₃₄₅₆₇₈₉" + "½¼¾⅓⅔⅛⅜⅝⅞" + "←↑→↓↔⇒" + "§¶©®™†‡•…·¡¿ªº‰№¦■□●○✓"
"""Currency, mathematics, raised and lowered digits, fractions, arrows, and marks of print."""

CHARACTERS = PRINTABLE + LATIN_LETTERS + GREEK + QUOTES + DASHES + MARKS + UNWRITABLE
"""All classes, the blank aside."""

_FAMILIAR = {
    "‘": "'", "’": "'", "‚": ",", "“": '"', "”": '"', "„": '"', "‹": "<", "›": ">", "«": "<", "»": ">", "′": "'",
    "″": '"', "–": "-", "—": "-", "×": "x", "µ": "u", "Ø": "O", "ø": "o", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
    "ð": "d", "Ð": "D", "ħ": "h", "ŧ": "t", "Ŧ": "T", "Ħ": "H", "ı": "i", "ß": "B", "ẞ": "B", "æ": "a", "œ": "o",
    "Æ": "A", "Œ": "O", "þ": "p", "Þ": "P", "≤": "<", "≥": ">", "≠": "=", "≈": "=", "÷": "+", "±": "+", "°": "o",
    "£": "E", "€": "E", "¥": "Y", "¢": "c", "√": "V", "∞": "8", "·": ".", "•": "*", "…": ".", "→": "-", "←": "-",
    "¡": "!", "¿": "?", "ª": "a", "º": "o", "§": "S", "©": "C", "®": "R", "™": "T", "†": "t", "½": "1", "¼": "1",
    "¾": "3", "ƒ": "f", "ſ": "f", "ə": "e", "Ə": "E", "ɔ": "o", "ɛ": "e", "ŋ": "n", "Ŋ": "N", "¦": "|",
    "α": "a", "β": "B", "γ": "y", "ε": "e", "η": "n", "ρ": "p", "τ": "t", "χ": "x", "ω": "w", "σ": "o", "Σ": "E",
    "∑": "E", "∂": "d", "∫": "f", "Ω": "O", "Θ": "O", "Δ": "A", "Λ": "A", "Π": "N", "π": "n", "θ": "0", "δ": "d",
    "ɓ": "b", "ɗ": "d", "ƙ": "k", "Ɓ": "B", "Ɗ": "D", "Ƙ": "K",
}  # fmt: skip


def familiar(character: str) -> str | None:
    """The character of ASCII that a network for ASCII takes `character` for, or None when there is none."""
    if character in _FAMILIAR:
        return _FAMILIAR[character]
    base = unicodedata.normalize("NFKD", character)[0]
    return base if base != character and base in PRINTABLE else None


def origins(known: str, wanted: str, special: int) -> list[int]:
    """For each row of a table of the characters `wanted` the row that it begins as of one of the characters `known`:
    that of the same character, else of the one that it was taken for, -1 where there is neither. Both tables begin with
    `special` rows that are no characters.
    """
    place = {character: row for row, character in enumerate(known, start=special)}
    return [
        *range(special),
        *(place.get(character, place.get(familiar(character) or "", -1)) for character in wanted),
    ]


def is_writable(text: str) -> bool:
    """Whether every character has a class, and there is one."""
    return bool(text) and _ALL.issuperset(text)


def upper(text: str) -> str:
    """`text` in capitals; what has no capital among CHARACTERS stays as it is."""
    return "".join(_CAPITALS.get(character, character) for character in text)


_ALL = frozenset(CHARACTERS)
_CAPITALS = {
    small: small.upper()
    for small in CHARACTERS
    if len(small.upper()) == 1 and small.upper() != small and small.upper() in _ALL and small.upper().lower() == small
}
CASES = tuple((capital, small) for small, capital in _CAPITALS.items())
"""The pairs of a capital and its small letter."""

EQUALLY_TRUE = (("'", "‘", "’", "′"), ('"', "“", "”", "„", "″"), ("-", "–", "—"))
"""What the truths of pages do not tell apart: the first stands for all."""
