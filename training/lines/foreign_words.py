"""Words of the languages that are written in Latin script, from Debian's word lists and spelling dictionaries.

A language gives as many words as any other, and half of them have a letter that ASCII has not, so that each accent is
met. What no list has is made: names with accents of any language on any letter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from training.lines.characters import LATIN_LETTERS, is_writable
from training.random_draws import pick

_WORD_LISTS = {
    "wcatalan": "catalan",
    "wdanish": "danish",
    "wdutch": "dutch",
    "wesperanto": "esperanto",
    "wfaroese": "faroese",
    "wfrench": "french",
    "wirish": "irish",
    "witalian": "italian",
    "wngerman": "ngerman",
    "wnorwegian": "bokmaal",
    "wpolish": "polish",
    "wportuguese": "portuguese",
    "wspanish": "spanish",
    "wswedish": "swedish",
}
"""Debian's packages, and their files in /usr/share/dict."""
_DICTIONARIES = {
    "hunspell-af": "af_ZA",
    "hunspell-br": "br_FR",
    "hunspell-bs": "bs_BA",
    "hunspell-cs": "cs_CZ",
    "hunspell-eu": "eu",
    "hunspell-gd": "gd_GB",
    "hunspell-hr": "hr_HR",
    "hunspell-hu": "hu_HU",
    "hunspell-id": "id_ID",
    "hunspell-is": "is_IS",
    "hunspell-lt": "lt_LT",
    "hunspell-lv": "lv_LV",
    "hunspell-oc": "oc_FR",
    "hunspell-ro": "ro_RO",
    "hunspell-sk": "sk_SK",
    "hunspell-sl": "sl_SI",
    "hunspell-tr": "tr_TR",
    "hunspell-vi": "vi_VN",
    "myspell-et": "et_EE",
}
"""Debian's packages, and their files in /usr/share/hunspell."""
WORD_PACKAGES = (*_WORD_LISTS, *_DICTIONARIES)
_DICT, _HUNSPELL = Path("/usr/share/dict"), Path("/usr/share/hunspell")
WORDS_A_LANGUAGE = 3_000

_VARIANTS: dict[str, str] = {}
for _letter in LATIN_LETTERS:
    _base = unicodedata.normalize("NFD", _letter)[0]
    if _base != _letter:
        _VARIANTS[_base] = _VARIANTS.get(_base, "") + _letter


def foreign_words() -> tuple[tuple[str, ...], ...]:
    """WORDS_A_LANGUAGE words of each language, in an order of their own.

    Raises FileNotFoundError, naming the packages, when a list is missing.
    """
    paths = [_DICT / name for name in _WORD_LISTS.values()] + [_HUNSPELL / f"{n}.dic" for n in _DICTIONARIES.values()]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: apt-get install {' '.join(WORD_PACKAGES)}")
    return tuple(_chosen(sorted(set(_words(path)))) for path in paths)


def _chosen(words: Sequence[str]) -> tuple[str, ...]:
    """Evenly spread over the list; half of them with a letter beyond ASCII if there are so many."""
    accented = [word for word in words if not word.isascii()]
    plain = [word for word in words if word.isascii()]
    half = min(len(accented), WORDS_A_LANGUAGE // 2)
    return (*_spread(accented, half), *_spread(plain, WORDS_A_LANGUAGE - half))


def _spread(words: Sequence[str], count: int) -> list[str]:
    return [words[index * len(words) // count] for index in range(count)] if words and count else []


def _words(path: Path) -> Iterator[str]:
    for row in path.read_text(encoding=_encoding(path), errors="ignore").splitlines():
        word = unicodedata.normalize("NFC", re.split(r"[/\t]", row, maxsplit=1)[0].strip())
        if is_writable(word) and 2 <= len(word) <= 18 and not any(letter.isdigit() for letter in word):
            yield word


def _encoding(path: Path) -> str:
    """What the .aff file beside a dictionary says; plain lists are UTF-8."""
    rules = path.with_suffix(".aff")
    if path.suffix != ".dic" or not rules.is_file():
        return "utf-8"
    said = re.search(rb"^SET\s+(\S+)", rules.read_bytes(), re.MULTILINE)
    return said.group(1).decode().replace("ISO8859", "ISO-8859") if said else "iso-8859-1"


def accented(word: str, rng: np.random.Generator) -> str:
    """`word` with one to three of its letters in another form: of any language, so that none is unknown."""
    places = [place for place, letter in enumerate(word) if letter in _VARIANTS]
    if not places:
        return word
    letters = list(word)
    for place in rng.choice(places, min(len(places), int(rng.integers(1, 4))), replace=False):
        letters[place] = pick(_VARIANTS[letters[place]], rng)
    return "".join(letters)
