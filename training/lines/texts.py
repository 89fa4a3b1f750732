"""What synthetic lines say: running prose, words, names, numbers, dates, prices, addresses, codes, receipts.

The words come from packages of the system: the words and names of Princeton's WordNet, its definitions and examples,
Debian's list of American words, and two books in the public domain (the Devil's Dictionary, the Jargon File); words of
other languages from foreign_words.py, measures, formulas and marks from symbol_texts.py. Numbers, dates, prices,
addresses and codes are made up. Lines of true pages may be added, so that their vocabulary is met in other types than
their own. Every line has characters of characters.py alone, or of a script that is foreign to them, has no white space
at its ends, and 1 to MAX_CHARACTERS.

Knows no pixels.
"""

from __future__ import annotations

import calendar
import gzip
import re
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocr.text.alphabet import UNWRITABLE
from training.lines import symbol_texts
from training.lines.characters import PRINTABLE, is_writable, upper
from training.lines.foreign_words import WORD_PACKAGES, accented, foreign_words
from training.random_draws import chance, pick

TEXT_PACKAGES = ("wordnet-base", "wamerican", "dict-devil", "dict-jargon", *WORD_PACKAGES)
MAX_CHARACTERS = 92
"""The longest prose lines on true pages have this many."""

LETTER_CHARACTERS = 64
"""Lines of letters are shorter."""

TYPOGRAPHIC = 0.4
"""The share of lines whose quotes and dashes are those of a book."""

_FOLDED = str.maketrans(
    {"‘": "'", "’": "'", "‚": "'", "′": "'", "“": '"', "”": '"', "„": '"', "″": '"'}
    | {"–": "-", "—": "-", "¬": "-", "\u00ad": "-"}
)
_WORD_FILE = Path("/usr/share/dict/american-english")
_WORDNET = Path("/usr/share/wordnet")
_BOOKS = (Path("/usr/share/dictd/devil.dict.dz"), Path("/usr/share/dictd/jargon.dict.dz"))

Maker = Callable[["Texts", np.random.Generator], str]


@dataclass(frozen=True, slots=True)
class Texts:
    """Where words come from. `prose` holds sentences, `true_lines` lines of pages that training may see, `foreign` the
    words of each other language.
    """

    words: tuple[str, ...]
    names: tuple[str, ...]
    prose: tuple[str, ...]
    true_lines: tuple[str, ...] = ()
    foreign: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        for name in ("words", "names", "prose"):
            if not getattr(self, name):
                raise ValueError(f"no {name}: install {' '.join(TEXT_PACKAGES)}")


def folded(text: str) -> str:
    """`text` with typographic quotes and dashes as their ASCII kin and one space for each white space."""
    return re.sub(r"\s+", " ", text.translate(_FOLDED)).strip()


def is_printable(text: str) -> bool:
    return bool(text) and all(" " <= character <= "~" for character in text)


def installed_texts(true_lines: Sequence[str] = ()) -> Texts:
    """The texts of the installed packages. Raises FileNotFoundError, naming the packages, when one is missing."""
    for path in (_WORD_FILE, _WORDNET / "data.noun", *_BOOKS):
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: apt-get install {' '.join(TEXT_PACKAGES)}")
    words, names, prose = set(_words_of(_WORD_FILE)), set[str](), list[str]()
    for part in ("noun", "verb", "adj", "adv"):
        for lemmas, gloss in _entries(_WORDNET / f"data.{part}"):
            for lemma in lemmas:
                (names if lemma[:1].isupper() else words).add(lemma)
            prose += _sentences(gloss)
    for book in _BOOKS:
        prose += _passages(book)
    return Texts(tuple(sorted(words)), tuple(sorted(names)), tuple(prose), tuple(true_lines), foreign_words())


def _words_of(path: Path) -> Iterator[str]:
    return (word for word in path.read_text(encoding="utf-8").split() if is_printable(word))


def _entries(path: Path) -> Iterator[tuple[list[str], str]]:
    """The lemmas and the gloss of each entry of a WordNet data file; the format is that of wndb(5)."""
    for row in path.read_text(encoding="utf-8").splitlines():
        head, _, gloss = row.partition(" | ")
        fields = head.split(" ")
        if gloss and fields[0].isdigit():
            count = int(fields[3], 16)
            lemmas = [re.sub(r"\(\w+\)$", "", lemma).replace("_", " ") for lemma in fields[4 : 4 + 2 * count : 2]]
            yield [lemma for lemma in lemmas if is_printable(lemma)], gloss.strip()


def _sentences(gloss: str) -> list[str]:
    """Half of the examples are whole sentences: they get a capital and a stop; definitions stay as they are."""
    found = []
    for piece in re.split(r"; (?=\")|; ", gloss):
        text = piece.strip(' "')
        if text.count(" ") >= 2 and is_printable(text):
            found.append(text[0].upper() + text[1:] + "." if len(text) % 2 else text)
    return found


def _passages(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        passages = re.split(r"\n\s*\n", file.read())
    return [text for text in map(folded, passages) if is_printable(text) and text.count(" ") >= 3]


def line_text(texts: Texts, rng: np.random.Generator) -> str:
    """One line of a kind drawn at random."""
    while True:
        make = _KINDS[int(rng.choice(len(_KINDS), p=_SHARES))]
        text = make(texts, rng)
        if make not in _AS_THEY_ARE:
            text = _cased(text, rng)
        if chance(rng, TYPOGRAPHIC):
            text = symbol_texts.typographic(text, rng)
        text = re.sub(r"\s+", " ", text)[:MAX_CHARACTERS].strip()
        if text:
            return text


def as_classes(text: str) -> str:
    """`text` as a network for CHARACTERS is to write it: UNWRITABLE for each character that is not among them."""
    return "".join(character if is_writable(character) else UNWRITABLE for character in text)


def letter_text(texts: Texts, rng: np.random.Generator) -> str:
    """One line of a letter: running prose for the most part, names, dates, a few words, and now and then marks."""
    while True:
        make = _LETTER_KINDS[int(rng.choice(len(_LETTER_KINDS), p=_LETTER_SHARES))]
        text = make(texts, rng)
        if chance(rng, 0.3):
            text = text.replace(" and ", " & ")
        text = folded(text)[:LETTER_CHARACTERS].strip()
        if is_printable(text):
            return text


def _cased(text: str, rng: np.random.Generator) -> str:
    """Mostly as it is; at times all capitals, all small, or every word with a capital."""
    kind = rng.random()
    if kind < 0.16:
        return upper(text)
    if kind < 0.20:
        return string.capwords(text)
    return text.lower() if kind < 0.22 else text


def _prose(texts: Texts, rng: np.random.Generator) -> str:
    """A stretch of running text between two words, at times broken within a word by a hyphen."""
    length = int(np.exp(rng.uniform(np.log(6), np.log(MAX_CHARACTERS))))
    text = pick(texts.prose, rng)
    while len(text) < length:
        text += (" " if chance(rng, 0.8) else ' "') + pick(texts.prose, rng)
    start = text.rfind(" ", 0, int(rng.integers(len(text) - length + 1)) + 1) + 1
    window = text[start : start + length]
    if chance(rng, 0.12) and window[-1:].isalpha():
        return window + "-"
    return window[: window.rindex(" ")] if " " in window.strip() else window


def _true_line(texts: Texts, rng: np.random.Generator) -> str:
    """A line of a true page, or some words of it; prose when there is none."""
    if not texts.true_lines:
        return _prose(texts, rng)
    words = pick(texts.true_lines, rng).split(" ")
    if len(words) > 3 and chance(rng, 0.5):
        first, last = sorted(rng.choice(len(words) + 1, 2, replace=False))
        words = words[first:last]
    text = " ".join(words)
    if text.isupper() and chance(rng, 0.4):  # receipts whose truth is in capitals are not all printed so
        text = string.capwords(text)
    return text


def _some_words(texts: Texts, rng: np.random.Generator) -> str:
    """One to five words that need not make sense, some in quotes, brackets or with a stop behind them."""
    words = []
    for _ in range(int(rng.integers(1, 6))):
        word = pick(texts.words, rng)
        if chance(rng, 0.25):
            word = pick(
                ('"{}"', "({})", "{},", "{};", "{}:", "{}.", "{}!", "{}?", "'{}'", "[{}]", "*{}", "{}'s"), rng
            ).format(word)
        words.append(word)
    return pick((" ", " ", " ", " ", "-", "/", " & ", " - "), rng).join(words)


def _name(texts: Texts, rng: np.random.Generator) -> str:
    name = pick(texts.names, rng)
    title = pick(("", "", "", "Mr. ", "Mrs. ", "Dr. ", "Miss ", "Prof. ", "Dear ", "To: ", "Attn: "), rng)
    after = pick(("", "", "", ",", ":", " & Co.", " Ltd.", ", Jr.", " Inc.", " Sdn Bhd"), rng)
    initials = "".join(f"{_letter(rng)}. " for _ in range(int(rng.integers(0, 3)))) if chance(rng, 0.3) else ""
    return f"{title}{initials}{name}{after}"


def _letter(rng: np.random.Generator) -> str:
    return pick(string.ascii_uppercase, rng)


def _digits(rng: np.random.Generator, least: int, most: int) -> str:
    return "".join(map(str, rng.integers(0, 10, int(rng.integers(least, most + 1)))))


def _price(rng: np.random.Generator) -> str:
    amount = float(np.exp(rng.uniform(np.log(0.05), np.log(50_000))))
    mark = pick(("", "", "", "$", "RM", "RM ", "$ ", "USD ", "-", "EUR "), rng)
    return mark + pick(("{:.2f}", "{:.2f}", "{:,.2f}", "{:,.0f}", "{:.1f}%"), rng).format(amount)


def _number(texts: Texts, rng: np.random.Generator) -> str:
    numbers = [_price(rng) if chance(rng, 0.5) else _digits(rng, 1, 8) for _ in range(int(rng.integers(1, 4)))]
    return pick((" ", " ", " x ", " = ", " + ", "  ", "/", " @ ", " - "), rng).join(numbers)


def _date(texts: Texts, rng: np.random.Generator) -> str:
    day, month, year = int(rng.integers(1, 29)), int(rng.integers(1, 13)), int(rng.integers(1880, 2030))
    name = calendar.month_name[month]
    form = pick(
        (
            "{d:02}/{m:02}/{y}",
            "{d:02}-{m:02}-{y}",
            "{y}-{m:02}-{d:02}",
            "{d}.{m}.{y}",
            "{n} {d}, {y}",
            "{d} {n} {y}",
            "{d}th {n}, {y}.",
            "{s} {d}, {y}",
            "{d} {s} {y}",
            "{d:02}/{m:02}/{z:02}",
            "{n} {d}",
        ),
        rng,
    )
    date = form.format(d=day, m=month, y=year, n=name, s=name[:3], z=year % 100)
    time = f" {int(rng.integers(0, 24)):02}:{int(rng.integers(0, 60)):02}"
    time += f":{int(rng.integers(0, 60)):02}" if chance(rng, 0.4) else pick(("", "", " AM", " PM", "PM"), rng)
    return pick(("", "", "Date: ", "Date : ", "DATE "), rng) + date + (time if chance(rng, 0.4) else "")


def _address(texts: Texts, rng: np.random.Generator) -> str:
    number, place = _digits(rng, 1, 3), pick(texts.names, rng)
    street = pick(("Street", "St.", "Road", "Avenue", "Ave.", "Lane", "Square", "Court", "Drive", "Blvd."), rng)
    return pick(
        (
            "{no} {p} {s}",
            "{no}, {p} {s},",
            "{no}-{k}, {p} {s}",
            "{z} {p}",
            "{z} {p}, {q}.",
            "P.O. Box {z}, {p}",
            "{p}, {q} {z}",
            "No {no}, {p} {no}/{k}",
            "LOT {no}, {p}",
            "{c}-{no}-{k}, {p}",
        ),
        rng,
    ).format(
        no=number,
        p=place,
        s=street,
        z=_digits(rng, 5, 5),
        q=pick(texts.names, rng),
        k=_digits(rng, 1, 2),
        c=_letter(rng),
    )


def _code(texts: Texts, rng: np.random.Generator) -> str:
    """Telephone and registration numbers, letters mixed with digits, mail and web addresses."""
    word = re.sub(r"\W", "", pick(texts.words, rng)).lower() or "a"
    kind = int(rng.integers(6))
    if kind == 0:
        return pick(("Tel: {}-{}", "TEL : {}-{}", "Fax: {}-{}", "({}) {}", "+{} {}"), rng).format(
            _digits(rng, 2, 3), _digits(rng, 6, 8)
        )
    if kind == 1:
        return pick(
            ("GST ID : {}", "GST NO: {}", "({}-X)", "Invoice No: {}", "#{}", "REF {}", "No. {}", "Bill#: {}"), rng
        ).format(_digits(rng, 4, 12))
    if kind == 2:
        return f"{word}@{pick(texts.words, rng).lower()}.{pick(('com', 'org', 'net', 'com.my', 'edu'), rng)}".replace(
            " ", ""
        )
    if kind == 3:
        return f"www.{word}.com/{_digits(rng, 0, 3)}"
    pool = string.ascii_uppercase + string.digits * 3 + "-/"
    return "".join(pick(pool, rng) for _ in range(int(rng.integers(3, 16)))).strip("-/") or "A1"


def _receipt(texts: Texts, rng: np.random.Generator) -> str:
    label = pick(
        (
            "TOTAL",
            "Sub Total",
            "CASH",
            "CHANGE",
            "Rounding Adj",
            "GST 6%",
            "Qty",
            "Amount",
            "TAX INVOICE",
            "Discount",
            "Total Sales (Inclusive of GST)",
            "Item(s)",
            "Cashier",
            "Thank You",
            "Balance",
            "VISA",
            "Table",
        ),
        rng,
    )
    item = pick(texts.words, rng) if chance(rng, 0.5) else f"{pick(texts.words, rng)} {pick(texts.words, rng)}"
    return pick(
        (
            "{l}",
            "{l}: {a}",
            "{l} : {a}",
            "{l} {a}",
            "{i} {a}",
            "{q} x {a}",
            "{q} {i} {a}",
            "{i}",
            "{c} {i}",
            "{a} SR",
            "{l} ({q})",
        ),
        rng,
    ).format(l=label, a=_price(rng), i=item, q=_digits(rng, 1, 2), c=_digits(rng, 4, 13))


def _marks(texts: Texts, rng: np.random.Generator) -> str:
    """Characters in no order, so that none is unknown and no neighbour can be guessed."""
    pool = pick((PRINTABLE, string.punctuation + string.digits, string.ascii_letters + string.digits), rng)
    return "".join(pick(pool, rng) for _ in range(int(rng.integers(1, 16))))


def _foreign_words(texts: Texts, rng: np.random.Generator) -> str:
    """Words of one language, as prose or as they come; English ones with accents when there is no other language."""
    if not texts.foreign:
        return accented(_some_words(texts, rng), rng)
    language = pick(texts.foreign, rng)
    words = [pick(language, rng) for _ in range(int(rng.integers(1, 10)))]
    if chance(rng, 0.4):
        words = [word[0].upper() + word[1:] if len(word[0].upper()) == 1 else word for word in words]
    text = pick((" ", " ", " ", ", ", "-", " - "), rng).join(words)
    return pick(("{}", "{}", "{}.", '"{}"', "({})", "{}?", "{}:", "{};", "{}!"), rng).format(text)


def _foreign_name(texts: Texts, rng: np.random.Generator) -> str:
    """A name with accents: "José Núñez", or one that no language has."""
    return accented(_name(texts, rng), rng) if chance(rng, 0.5) else _foreign_words(texts, rng).title()


def _measured(texts: Texts, rng: np.random.Generator) -> str:
    """A measure, a formula or an amount, alone, several, or between words."""
    make = pick((symbol_texts.measure, symbol_texts.measure, symbol_texts.formula, symbol_texts.money), rng)
    said = pick((", ", "; ", " ", " and ", " / "), rng).join(make(rng) for _ in range(int(rng.integers(1, 4))))
    before, after = (_prose(texts, rng)[: int(rng.integers(3, 32))].strip() if chance(rng, 0.5) else "" for _ in "ab")
    return f"{before} {said} {after}".strip()


def _noted(texts: Texts, rng: np.random.Generator) -> str:
    return symbol_texts.note(_some_words(texts, rng) if chance(rng, 0.5) else _prose(texts, rng)[:50], rng)


def _any_marks(texts: Texts, rng: np.random.Generator) -> str:
    return symbol_texts.any_marks(rng)


def _unwritable(texts: Texts, rng: np.random.Generator) -> str:
    return symbol_texts.foreign_characters(_some_words(texts, rng), rng)


_AS_THEY_ARE: frozenset[Maker] = frozenset({_measured, _noted, _any_marks, _unwritable, _marks})
"""Kinds whose case has a meaning, or is varied enough."""
_KINDS: tuple[Maker, ...] = (
    *(_prose, _true_line, _some_words, _name, _number, _date, _address, _code, _receipt, _marks),
    *(_foreign_words, _foreign_name, _measured, _noted, _any_marks, _unwritable),
)
_SHARES = (0.18, 0.09, 0.06, 0.03, 0.03, 0.02, 0.03, 0.03, 0.03, 0.03, 0.12, 0.05, 0.14, 0.06, 0.07, 0.03)
_LETTER_KINDS: tuple[Maker, ...] = (_prose, _true_line, _some_words, _name, _number, _date, _address, _marks)
_LETTER_SHARES = (0.50, 0.24, 0.10, 0.05, 0.02, 0.04, 0.03, 0.02)
