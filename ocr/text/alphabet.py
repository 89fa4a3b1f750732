"""The characters that a model can write.

A vote needs them: who cannot write a character says nothing against it by writing another one. They travel with what
was read, many times a page: an alphabet is pickled as one text, and in each process the same alphabet is one object.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

UNWRITABLE = "\N{REPLACEMENT CHARACTER}"
"""What a model reads that sees a character and has none for it."""


class Alphabet:
    """Characters, each one code point. Make it with `Alphabet.of`."""

    __slots__ = ("_characters", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._characters = frozenset(text)

    @classmethod
    def of(cls, characters: Iterable[str]) -> Alphabet:
        """Of the letters in some texts, in any order."""
        return _alphabet("".join(sorted(set("".join(characters)))))

    def can_write(self, text: str) -> bool:
        """Whether each character of `text`, joined with its marks, is one of these; a space always is."""
        return all(
            character == " " or character in self._characters for character in unicodedata.normalize("NFC", text)
        )

    def __contains__(self, character: object) -> bool:
        return character in self._characters

    def __iter__(self) -> Iterator[str]:
        return iter(self._text)

    def __len__(self) -> int:
        return len(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alphabet) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Alphabet of {len(self)} characters"

    def __reduce__(self) -> tuple[Callable[[str], Alphabet], tuple[str]]:
        return _alphabet, (self._text,)


@lru_cache(maxsize=256)
def _alphabet(text: str) -> Alphabet:
    return Alphabet(text)
