"""The tables of what each engine can write."""

from __future__ import annotations

from evaluation.writable_characters import Writer, character_rows, language_rows, tables, written
from ocr import Alphabet
from ocr.text.languages import LANGUAGES


def test_a_cell_says_all_none_or_what_is_missing() -> None:
    assert written("ab", None) == "all"
    assert written("ab", Alphabet.of("abc")) == "all"
    assert written("ab", Alphabet.of("c")) == "none"
    assert written("abc", Alphabet.of("ac")) == "not b"
    assert written("abcdefghij", Alphabet.of("abc")) == "3 of 10"


def test_each_group_and_each_language_has_a_row_with_a_cell_for_each_engine() -> None:
    writers = [
        Writer("tesseract", "t@1", Alphabet.of("abc€"), ("en",)),
        Writer("other", "o@1", Alphabet.of("€£"), ("en", "de")),
    ]
    rows = list(character_rows(writers, {"currency": "€£"}))
    assert rows == [("currency: €£", "not £", "all")]
    languages = {row[0]: row[1:] for row in language_rows(writers)}
    assert set(languages) == set(LANGUAGES)
    assert languages["de"] == ("German", "tesseract-ocr-deu, installed", "yes")
    assert languages["zh"] == ("Chinese", "tesseract-ocr-chi-sim", "")


def test_a_model_that_is_only_served_when_asked_for_has_a_column_for_its_characters_alone() -> None:
    writers = [
        Writer("tesseract", "t@1", Alphabet.of("abc€"), ("en",)),
        Writer("other", "o@1", Alphabet.of("€£"), ("en", "de")),
    ]
    told = tables(writers, Writer("official", "p@2", Alphabet.of("€"), ()))
    assert "official p@2" in told
    assert "| characters | tesseract | other | official |" in told
    assert "| currency: €£¥¢ | not £ ¥ ¢ | not ¥ ¢ | not £ ¥ ¢ |" in told
    assert "| code | language | Tesseract's data | other |" in told
