"""The languages of a page: which they are, what a word is worth in them, files."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from fusion.evidence.language import Language, Languages, bare_word, read_languages, word_around, write_languages
from fusion.evidence.spelling_model import SpellingModel

SPELLING = SpellingModel(2, {"a": -1.0, "b": -2.0, " ": -1.5})
ENGLISH = Language(SPELLING, {"the": -2.0, "cat": -5.0, "in": -3.0})
FRENCH = Language(SpellingModel(2, {"a": -3.0, "b": -1.0}), {"le": -2.0, "ete": -5.0, "en": -3.0}, {"ete": 0.9})
BOTH = Languages({"en": ENGLISH, "fr": FRENCH})


def test_the_words_of_a_page_tell_its_language_and_how_much_of_it_is_known() -> None:
    french = BOTH.of_page(["Le", "été,", "en", "le"] * 5)
    assert [language for language, share in french.mixture if share > 0.9] == [FRENCH]
    noise = BOTH.of_page(["xqz", "wvk", "zzq"] * 5)
    assert noise.known < 0.5 < french.known


def test_a_page_without_words_is_taken_for_the_first_language() -> None:
    (first, share), *_ = BOTH.of_page([]).mixture
    assert first is ENGLISH
    assert share > 0.5


def test_words_that_many_languages_share_leave_the_page_one_at_least() -> None:
    many = Languages({f"l{number}": ENGLISH for number in range(12)})
    assert len(many.of_page(["the", "cat"] * 200).mixture) >= 1


def test_a_page_of_two_languages_knows_the_words_of_both() -> None:
    mixed = BOTH.of_page(["the", "cat", "in", "le", "ete", "en"] * 4)
    assert mixed.word("cat") > -8.0
    assert mixed.word("Été") > -8.0


@pytest.mark.parametrize(
    ("likelier", "than"), [("the", "tbe"), ("the,", "tbe,"), ("the", "tHe"), ("12.50", "1Z.5O"), ("cat-in", "cat-im")]
)
def test_a_word_in_use_is_likelier_than_one_that_is_not(likelier: str, than: str) -> None:
    page = BOTH.of_page(["the", "cat"] * 9)
    assert page.word(likelier) > page.word(than)


def test_a_page_knows_which_words_want_an_accent() -> None:
    page = BOTH.of_page(["le", "en"] * 9)
    assert page.knows("Ete,")
    assert page.accented("Ete,") == pytest.approx(0.9)
    assert page.accented("Été") == 0.0
    assert (page.accented("le"), page.accented("xq"), page.knows("xq")) == (0.0, 0.0, False)


def test_words_are_compared_without_case_accents_and_marks() -> None:
    assert bare_word("(L'Été!") == "l'ete"


def test_the_word_around_a_slot_ends_at_the_next_space() -> None:
    assert word_around(["a", " ", "b", "c", "d", " ", "e"], 3) == ("b", "d")
    assert word_around(["a", "b"], 0) == ("", "b")


def test_a_file_brings_back_what_was_written_to_a_hundredth_and_travels_as_its_name(tmp_path: Path) -> None:
    path = tmp_path / "languages.json.gz"
    write_languages(BOTH, path)
    found = read_languages(path)
    assert found == BOTH
    assert pickle.loads(pickle.dumps(found)) is found
    assert len(pickle.dumps(found)) < 300
    first = path.read_bytes()
    write_languages(found, path)
    assert path.read_bytes() == first


def test_a_set_without_a_language_is_refused() -> None:
    with pytest.raises(ValueError, match="without one"):
        Languages({})
