"""The languages that a request may name: the one table of them.

A language has its ISO 639-1 code, its script, the name of Tesseract's data for it, and the letters that it has beyond
those of ASCII (of other scripts: enough of them to know a model that has the script). Which engine reads which
language follows from this table and from what the engine's model can write: docs/languages.md and `/status` are made
from both.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ocr.errors import OutOfRange

AUTO = "auto"
"""What `lang` is unless told: each line's language is found out."""
DEFAULT = "en"
"""What a line is read as before anything is known of it."""
MOST = 8
"""So many languages may be named at once."""


class Script(StrEnum):
    """What a language is written in."""

    LATIN = "Latin"
    GREEK = "Greek"
    CYRILLIC = "Cyrillic"
    ARABIC = "Arabic"
    HEBREW = "Hebrew"
    CHINESE = "Chinese"
    JAPANESE = "Japanese"
    KOREAN = "Korean"
    DEVANAGARI = "Devanagari"
    THAI = "Thai"


RIGHT_TO_LEFT = frozenset({Script.ARABIC, Script.HEBREW})


@dataclass(frozen=True, slots=True)
class Language:
    """`name` is the one that PAGE XML has for it; `letters` are those beyond ASCII, small ones; `tesseract` is the name
    of Tesseract's data.
    """

    code: str
    name: str
    tesseract: str
    letters: str = ""
    script: Script = Script.LATIN

    @property
    def package(self) -> str:
        """Debian's package of Tesseract's data."""
        return package_of(self.tesseract)

    @property
    def right_to_left(self) -> bool:
        return self.script in RIGHT_TO_LEFT


_LATIN: tuple[tuple[str, str, str, str], ...] = (
    ("af", "Afrikaans", "afr", "êëéèïôöûü"),
    ("az", "Azerbaijani", "aze", "çəğıöşü"),
    ("bs", "Bosnian", "bos", "čćđšž"),
    ("br", "Breton", "bre", "ñùê"),
    ("ca", "Catalan", "cat", "àçèéíïòóúü"),
    ("co", "Corsican", "cos", "àèìòù"),
    ("cs", "Czech", "ces", "áčďéěíňóřšťúůýž"),
    ("cy", "Welsh", "cym", "âêîôûŵŷ"),
    ("da", "Danish", "dan", "æøå"),
    ("de", "German", "deu", "äöüß"),
    ("en", "English", "eng", ""),
    ("eo", "Esperanto", "epo", "ĉĝĥĵŝŭ"),
    ("es", "Spanish", "spa", "áéíñóúü"),
    ("et", "Estonian", "est", "äõöüšž"),
    ("eu", "Basque", "eus", "ñ"),
    ("fi", "Finnish", "fin", "äöå"),
    ("fo", "Faroese", "fao", "áðíóúýæø"),
    ("fr", "French", "fra", "àâçéèêëîïôùûœ"),
    ("fy", "Western Frisian", "fry", "âêôûú"),
    ("ga", "Irish", "gle", "áéíóú"),
    ("gd", "Gaelic", "gla", "àèìòù"),
    ("gl", "Galician", "glg", "áéíñóú"),
    ("hr", "Croatian", "hrv", "čćđšž"),
    ("ht", "Haitian", "hat", "èòà"),
    ("hu", "Hungarian", "hun", "áéíóöőúüű"),
    ("id", "Indonesian", "ind", ""),
    ("is", "Icelandic", "isl", "áðéíóúýþæö"),
    ("it", "Italian", "ita", "àèéìòù"),
    ("jv", "Javanese", "jav", "éè"),
    ("ku", "Kurdish", "kmr", "çêîşû"),
    ("la", "Latin", "lat", ""),
    ("lb", "Luxembourgish", "ltz", "äéë"),
    ("lt", "Lithuanian", "lit", "ąčęėįšųūž"),
    ("lv", "Latvian", "lav", "āčēģīķļņšūž"),
    ("mi", "Māori", "mri", "āēīōū"),
    ("ms", "Malay", "msa", ""),
    ("mt", "Maltese", "mlt", "ċġħż"),
    ("nl", "Dutch", "nld", "éëï"),
    ("no", "Norwegian", "nor", "æøå"),
    ("oc", "Occitan", "oci", "àçèéíòóú"),
    ("pl", "Polish", "pol", "ąćęłńóśźż"),
    ("pt", "Portuguese", "por", "áâãàçéêíóôõú"),
    ("qu", "Quechua", "que", "ñ"),
    ("ro", "Romanian", "ron", "ăâîșț"),
    ("sk", "Slovak", "slk", "áäčďéíĺľňóôŕšťúýž"),
    ("sl", "Slovene", "slv", "čšž"),
    ("sq", "Albanian", "sqi", "çë"),
    ("su", "Sundanese", "sun", "é"),
    ("sv", "Swedish", "swe", "åäö"),
    ("sw", "Swahili", "swa", ""),
    ("tl", "Tagalog", "fil", ""),
    ("tr", "Turkish", "tur", "çğıöşü"),
    ("uz", "Uzbek", "uzb", ""),
    ("vi", "Vietnamese", "vie", "ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệịỉĩọỏốồổỗộớờởỡợụủũứừửữựỳỵỷỹ"),
    ("yo", "Yoruba", "yor", "ẹọṣ"),
)
_OTHER_SCRIPTS: tuple[tuple[str, str, str, str, Script], ...] = (
    ("ar", "Arabic", "ara", "ابتحدرسعفقكلمنهوي", Script.ARABIC),
    ("be", "Belarusian", "bel", "абвгдежзіклмнопрстуўфхцчшыьэюя", Script.CYRILLIC),
    ("bg", "Bulgarian", "bul", "абвгдежзийклмнопрстуфхцчшщъьюя", Script.CYRILLIC),
    ("el", "Greek", "ell", "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώ", Script.GREEK),
    ("fa", "Persian", "fas", "ابپتچدرسشفقکگلمنهوی", Script.ARABIC),
    ("he", "Hebrew", "heb", "אבגדהוזחטיכלמנסעפצקרשת", Script.HEBREW),
    ("hi", "Hindi", "hin", "अआइकखगचजतदनपबमयरलवसह", Script.DEVANAGARI),
    ("ja", "Japanese", "jpn", "あいうえおかきくけこアイウエオ日本人", Script.JAPANESE),
    ("kk", "Kazakh", "kaz", "абвгдежзийклмнопрстуәғқңөұүһі", Script.CYRILLIC),
    ("ko", "Korean", "kor", "가나다라마바사아자한국어", Script.KOREAN),
    ("mk", "Macedonian", "mkd", "абвгдѓежзѕијклљмнњопрстќуфхцчџш", Script.CYRILLIC),
    ("ru", "Russian", "rus", "абвгдежзийклмнопрстуфхцчшщъыьэюя", Script.CYRILLIC),
    ("sr", "Serbian", "srp", "абвгдђежзијклљмнњопрстћуфхцчџш", Script.CYRILLIC),
    ("th", "Thai", "tha", "กขคงจชดตทนบปพมยรลวสห", Script.THAI),
    ("uk", "Ukrainian", "ukr", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", Script.CYRILLIC),
    ("ur", "Urdu", "urd", "ابپتٹچدرسشفقکگلمنہوی", Script.ARABIC),
    ("yi", "Yiddish", "yid", "אבגדהוזחטיכלמנסעפצקרשת", Script.HEBREW),
    ("zh", "Chinese", "chi_sim", "的一是不了人我在有他这中大来上国", Script.CHINESE),
)
LANGUAGES = {
    language.code: language
    for language in sorted(
        [Language(*row) for row in _LATIN] + [Language(*row) for row in _OTHER_SCRIPTS],
        key=lambda language: language.code,
    )
}
"""By code."""
INSTALLED = (
    "en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "fi", "is", "pl", "cs", "sk", "sl", "hr", "hu", "ro",
    "et", "lv", "lt", "tr", "ca", "ga", "sq", "vi", "id",
)  # fmt: skip
"""The languages whose data for Tesseract `make run` and the images install."""


def package_of(data: str) -> str:
    """Debian's package of Tesseract's data of that name."""
    return f"tesseract-ocr-{data.replace('_', '-')}"


def packages() -> tuple[str, ...]:
    """Debian's packages of Tesseract's data that `make run` and the images install."""
    return tuple(LANGUAGES[code].package for code in INSTALLED)


def parsed(lang: str | Iterable[str]) -> tuple[str, ...]:
    """The codes in "de", "de,fr" or a list of codes, each once; (AUTO,) for "auto".

    Raises OutOfRange, with the list of all, for one that is not known, for none, for too many, and for "auto"
    beside others.
    """
    said = lang.split(",") if isinstance(lang, str) else list(lang)
    codes = tuple(dict.fromkeys(code.strip() for code in said if code.strip()))
    unknown = [code for code in codes if code != AUTO and code not in LANGUAGES]
    if unknown:
        raise OutOfRange(f"unknown language '{unknown[0][:40]}' in lang", known())
    if not codes or len(codes) > MOST or (AUTO in codes and len(codes) > 1):
        raise OutOfRange(f"lang names {len(codes)} languages: expected 'auto', or 1 to {MOST} of them", known())
    return codes


def known() -> str:
    """What may be said, for an error."""
    return f"send 'auto' or ISO 639-1 codes, with commas between them: {', '.join(LANGUAGES)}"


def readable(codes: Sequence[str], writable: Container[str]) -> tuple[str, ...]:
    """Those of the languages whose letters are all among `writable`."""
    return tuple(code for code in codes if all(letter in writable for letter in LANGUAGES[code].letters))


def has_latin_letters(writable: Container[str]) -> bool:
    """Whether the letters of every language in Latin script are among `writable`."""
    latin = [code for code, language in LANGUAGES.items() if language.script is Script.LATIN]
    return len(readable(latin, writable)) == len(latin)
