"""The table of languages, and what a request may say of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ocr.errors import OutOfRange
from ocr.text.languages import INSTALLED, LANGUAGES, Script, has_latin_letters, packages, parsed, readable
from training.lines.characters import CHARACTERS, PRINTABLE


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ("de", ("de",)),
        ("de,fr", ("de", "fr")),
        (" de , de,", ("de",)),
        (["sk", "cs"], ("sk", "cs")),
        ("auto", ("auto",)),
    ],
)
def test_languages_are_said_with_commas_or_as_a_list(said: str | list[str], codes: tuple[str, ...]) -> None:
    assert parsed(said) == codes


@pytest.mark.parametrize("said", ["english", "xx", "de,xx", "DE", "", ",", "auto,de", ",".join(list(LANGUAGES)[:9])])
def test_what_is_no_language_is_refused_with_the_list_of_all(said: str) -> None:
    with pytest.raises(OutOfRange, match="lang") as caught:
        parsed(said)
    assert "auto" in caught.value.hint
    assert all(code in caught.value.hint for code in LANGUAGES)


def test_at_least_twenty_languages_in_latin_script_are_installed() -> None:
    assert len(set(INSTALLED)) == len(INSTALLED) >= 20
    assert all(LANGUAGES[code].script is Script.LATIN for code in INSTALLED)


def test_what_is_installed_is_what_the_table_says() -> None:
    listed = (Path(__file__).parents[3] / "cluster" / "tesseract-packages.txt").read_text().split()
    assert listed == ["tesseract-ocr", *packages()]


def test_a_package_is_named_as_debian_names_it() -> None:
    assert LANGUAGES["sk"].package == "tesseract-ocr-slk"
    assert LANGUAGES["zh"].package == "tesseract-ocr-chi-sim"


@pytest.mark.processes
def test_every_package_of_the_table_is_in_the_package_index() -> None:
    if shutil.which("apt-cache") is None:
        pytest.skip("no apt on this machine")
    listed = subprocess.run(["apt-cache", "pkgnames", "tesseract-ocr"], capture_output=True, text=True, check=True)
    known = set(listed.stdout.split())
    if "tesseract-ocr-all" not in known:
        pytest.skip("the lists of packages were never fetched: apt-get update")
    assert {language.package for language in LANGUAGES.values()} <= known


def test_a_language_is_readable_with_all_its_letters_alone() -> None:
    assert readable(["en", "de", "cs"], "äöüß") == ("en", "de")


def test_latin_letters_are_all_there_or_not() -> None:
    assert has_latin_letters(CHARACTERS)
    assert not has_latin_letters(CHARACTERS.replace("ř", ""))
    assert not has_latin_letters(PRINTABLE)


def test_letters_are_those_beyond_ascii_in_one_piece_each() -> None:
    for language in LANGUAGES.values():
        assert not any(letter.isascii() for letter in language.letters), language
        assert len(set(language.letters)) == len(language.letters), language
        assert language.letters == language.letters.lower(), language
