"""What an engine answers on a language whose letters its model does not have. Knows no engine."""

from __future__ import annotations

from collections.abc import Sequence

from ocr.text.alphabet import Alphabet
from ocr.text.languages import LANGUAGES, readable


def unreadable(who: str, languages: Sequence[str], alphabet: Alphabet, remedy: str) -> str | None:
    """The reason, with the remedy, where `who` can write none of the languages; None where it can write one."""
    known = [code for code in languages if code in LANGUAGES]
    if len(known) < len(languages) or readable(known, alphabet):
        return None
    names = ", ".join(LANGUAGES[code].name for code in known)
    return f"{who} does not have the letters of {names}: {remedy}"
