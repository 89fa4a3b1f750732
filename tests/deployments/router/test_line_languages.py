"""In which language lines are: found from any engine's reading, with or without accents."""

from __future__ import annotations

import pytest

from deployments.router.line_languages import line_languages
from ocr import Hypothesis

GERMAN = [
    "Die Verhandlungen wurden am naechsten Morgen fortgesetzt",
    "und dauerten bis in die spaeten Abendstunden",
    "ohne dass eine Einigung erzielt werden konnte",
    "Nr. 12",
]
FRENCH = [
    "Les membres du conseil se sont reunis hier soir a Paris",
    "pour examiner les propositions du gouvernement",
    "et pour voter le budget de l'annee prochaine",
]
ENGLISH = ["The members of the board met yesterday", "to discuss what the committee had proposed", "No. 12"]


def page(*texts: str, engine: str = "any") -> list[dict[str, Hypothesis]]:
    return [{engine: Hypothesis.of_text(text, 0.9)} for text in texts]


@pytest.mark.parametrize(("texts", "language"), [(GERMAN, "de"), (FRENCH, "fr"), (ENGLISH, "en")])
def test_a_page_is_in_the_language_of_its_words_and_short_lines_with_it(texts: list[str], language: str) -> None:
    assert line_languages(page(*texts), ["en"], any_other=True) == [language] * len(texts)


def test_a_receipt_in_capitals_with_one_small_letter_is_still_in_its_language() -> None:
    receipt = ["THANK YOU FOR SHOPPING WITH US TODAY", "TOTAL AMOUNT DUE FOR POTATOES 5 kg", "PLEASE KEEP THIS RECEIPT"]
    for texts, language in ((receipt, "en"), ([text.upper() + " x" for text in GERMAN], "de")):
        assert line_languages(page(*texts), ["en"], any_other=True) == [language] * len(texts)


def test_lines_of_two_languages_on_one_page_are_told_apart() -> None:
    found = line_languages(page(*GERMAN[:3], *FRENCH), ["en"], any_other=True)
    assert found == ["de"] * 3 + ["fr"] * 3


def test_a_page_of_few_letters_is_in_the_language_in_which_it_was_read() -> None:
    assert line_languages(page("Nr. 12", "34,50"), ["en"], any_other=True) == ["en", "en"]
    assert line_languages([], ["en"], any_other=True) == []


def test_where_languages_were_named_a_line_is_in_one_of_them() -> None:
    assert line_languages(page(*GERMAN), ["fr", "it"], any_other=False)[0] in ("fr", "it")
    assert line_languages(page(*GERMAN), ["fr"], any_other=False) == ["fr"] * 4


def test_an_engine_that_abstains_or_reads_nonsense_does_not_hide_what_others_read() -> None:
    lines = [
        {
            "good": Hypothesis.of_text(text, 0.9),
            "nonsense": Hypothesis.of_text("x7 qq zz kkk 11 w", 0.9),
            "silent": Hypothesis.abstain("no"),
        }
        for text in GERMAN
    ]
    assert line_languages(lines, ["en"], any_other=True) == ["de"] * 4
