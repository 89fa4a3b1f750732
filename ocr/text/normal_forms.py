"""Forms in which an answer may write what was read, by name: the option `normalize` of a request.

What engines read is never changed on the way; an answer is, where that was asked, or by the default that stands here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable

from ocr.errors import OutOfRange

_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_QUOTES = str.maketrans(dict.fromkeys("‘’‚‛′", "'") | dict.fromkeys("“”„‟″", '"'))
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))

FORMS: dict[str, Callable[[str], str]] = {
    "ligatures": lambda text: text.translate(_LIGATURES),
    "quotes": lambda text: text.translate(_QUOTES),
    "dashes": lambda text: text.translate(_DASHES),
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
}
"""ligatures: "ﬁ" as "fi"; quotes: straight for curved ones and primes; dashes: "-" for every dash; nfkc: Unicode's
compatibility form, in which "m²" is "m2" and "½" is "1⁄2".
"""
NONE = "none"
DEFAULT_FORMS = ("ligatures",)


def forms(names: Iterable[str] | None) -> tuple[str, ...]:
    """The forms of these names, DEFAULT_FORMS where none is said, no form for "none". Raises OutOfRange for another."""
    if names is None:
        return DEFAULT_FORMS
    asked = tuple(dict.fromkeys(names))
    for name in asked:
        if name not in FORMS and (name != NONE or len(asked) > 1):
            raise OutOfRange(
                f"unknown form '{name[:40]}' in normalize" if name != NONE else "normalize names 'none' beside a form",
                f"send 'none', or some of {', '.join(FORMS)} with commas between them",
            )
    return tuple(name for name in asked if name != NONE)


def normalised(text: str, names: Iterable[str]) -> str:
    """`text` in each of these forms, one after the other."""
    if not text.isascii():
        for name in names:
            text = FORMS[name](text)
    return text
