"""Which characters and which languages each engine can write: the tables of docs/languages.md, from the models.

    python -m evaluation.writable_characters

writes the part of docs/languages.md below its first horizontal rule. Each engine is loaded with the model that it
would be served with and reads one line; its hypothesis says what it can write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from evaluation.markdown import table
from evaluation.readings.reader import ENGINES, Reader
from ocr import Alphabet, Box, Crop
from ocr.errors import EngineUnavailable
from ocr.text.languages import INSTALLED, LANGUAGES, Language

DOCUMENT = Path(__file__).parents[1] / "docs" / "languages.md"
RULE = "\n---\n"
_ALL = "all"
_NONE = "none"
_NAMED = 6
"""Of so few missing characters each is named."""
_LATIN_1 = "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿß"
_EXTENDED = "āăąćĉċčďđēĕėęěĝğġģĥħĩīĭįıĵķĺļľłńņňŋōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷźżž"
GROUPS = {
    "letters, digits, marks of ASCII": "".join(map(chr, range(0x21, 0x7F))),
    "accents of western Europe": _LATIN_1,
    "accents of other European languages, Turkish": _EXTENDED,
    "Romanian, Azerbaijani, Welsh": "șțəẁẃẅỳ",
    "Vietnamese": LANGUAGES["vi"].letters,
    "currency": "€£¥¢",
    "mathematics": "°±×÷≤≥≠≈√∞µ",
    "Greek in formulas": "ΩΔπαβγδθλσφω",
    "raised digits": "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "fractions": "½¼¾⅓⅔⅛⅜⅝⅞",
    "arrows": "←↑→↓↔⇒",
    "marks of print": "§¶©®™†‡•…·¡¿ªº‰№",
    "dashes": "–—",
    "quotes": "‘’‚“”„«»‹›′″",
}


@dataclass(frozen=True, slots=True)
class Writer:
    """An engine's model, what it can write (None: everything), and which languages it reads."""

    engine: str
    model: str
    alphabet: Alphabet | None
    languages: tuple[str, ...]


def writer(engine: str) -> Writer:
    """The engine with the model that it would be served with. Raises EngineUnavailable."""
    reader = Reader(engine)
    loaded = reader.engine
    [hypothesis] = loaded.read([_line()])
    return Writer(engine, loaded.model, hypothesis.alphabet, reader.spec.languages(loaded))


def english_g2() -> Writer:
    """EasyOCR's own network for English, as its package describes it."""
    from easyocr.config import recognition_models

    characters: str = recognition_models["gen2"]["english_g2"]["characters"]
    return Writer("english_g2", f"easyocr@{version('easyocr')}", Alphabet.of(characters), ())


def _line() -> Crop:
    """A few letters apart, with their boxes: the character network reads them one by one."""
    picture = Image.new("RGB", (400, 60), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(40)
    boxes = []
    for place, letter in enumerate("HOME72"):
        left, top, right, bottom = pen.textbbox((20 + 60 * place, 4), letter, font=font)
        pen.text((20 + 60 * place, 4), letter, font=font, fill="black")
        boxes.append(Box(int(left), int(top), int(right) + 1, int(bottom) + 1))
    crop = Crop.whole(np.array(picture))
    return Crop(crop.pixels, replace(crop.region, character_boxes=tuple(boxes)))


def written(characters: str, alphabet: Alphabet | None) -> str:
    """A cell: whether all can be written, or which cannot."""
    missing = [character for character in characters if alphabet is not None and character not in alphabet]
    if not missing:
        return _ALL
    if len(missing) == len(characters):
        return _NONE
    if len(missing) <= _NAMED:
        return f"not {' '.join(missing)}"
    return f"{len(characters) - len(missing)} of {len(characters)}"


def character_rows(writers: Sequence[Writer], groups: Mapping[str, str] = GROUPS) -> Iterator[tuple[str, ...]]:
    for name, characters in groups.items():
        shown = characters if len(characters) <= 20 else f"{characters[:16]}..."
        told = f"{name}: {shown}" if name.count("ASCII") == 0 else name
        yield told.replace("|", "\\|"), *(written(characters, own.alphabet) for own in writers)


def language_rows(
    writers: Sequence[Writer], languages: Mapping[str, Language] = LANGUAGES
) -> Iterator[tuple[str, ...]]:
    for code, language in languages.items():
        data = f"{language.package}{', installed' if code in INSTALLED else ''}"
        others = (("yes" if code in own.languages else "") for own in writers if own.engine != "tesseract")
        yield code, language.name, data, *others


def tables(writers: Sequence[Writer], official: Writer) -> str:
    """Both tables, in Markdown. `official` is a model that an engine is served with where that is asked for."""
    everybody = [*writers, official]
    models = ", ".join(f"{own.engine} {own.model}" for own in everybody)
    others = [own.engine for own in writers if own.engine != "tesseract"]
    return (
        f"Made by `python -m evaluation.writable_characters` from these models: {models}. Tesseract stands with its "
        "English data.\n\n## What each engine can write\n\n"
        + table(["characters", *(own.engine for own in everybody)], list(character_rows(everybody)))
        + "\n\n## Which engine reads which language\n\n`installed`: by `make run` and in the images.\n\n"
        + table(["code", "language", "Tesseract's data", *others], list(language_rows(writers)))
        + "\n"
    )


def main() -> None:
    writers = []
    for engine in ENGINES:
        try:
            writers.append(writer(engine))
        except EngineUnavailable as error:
            print(f"left out: {error}")
    head, _, _ = DOCUMENT.read_text(encoding="utf-8").partition(RULE)
    DOCUMENT.write_text(f"{head}{RULE}\n{tables(writers, english_g2())}", encoding="utf-8")


if __name__ == "__main__":
    main()
