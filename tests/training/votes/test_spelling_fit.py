"""Languages made from word frequencies: what words there are, and what their spelling says."""

from __future__ import annotations

import math

import pytest

from fusion.evidence.language import read_languages
from fusion.profiles.profile_document import BUNDLED, LANGUAGES_FILE
from training.votes import spelling_fit
from training.votes.spelling_fit import SMALL, fit_language


def test_what_is_often_spelt_so_is_likelier_than_what_never_is() -> None:
    language = fit_language({"strč": 900.0, "prst": 800.0, "krk": 700.0}, {}, SMALL)
    assert language.spelling.log_probability(" prs", "t", " ") > language.spelling.log_probability(" prs", "q", " ")
    assert language.words["strc"] == pytest.approx(math.log(900 / 2400))
    assert language.accented == {"strc": 1.0}


@pytest.mark.parametrize(
    ("name", "often", "seldom"), [("cs", "že", "příliš"), ("sk", "že", "príliš"), ("pl", "że", "źdźbło")]
)
def test_words_of_wordfreq_come_with_their_accents_the_more_frequent_ones_higher(
    name: str, often: str, seldom: str
) -> None:
    words = spelling_fit._further_words(name)
    assert words[often] > words.get(seldom, 0.0)
    assert all(part.isalpha() for word in words for part in word.split("'"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cs", "Byl jsem velmi rád, že jste mi napsal o tom, jak se vám daří ve škole"),
        ("da", "Jeg var meget glad for at høre fra dig, og jeg håber at vi ses igen"),
        ("sk", "Bol som veľmi rád, že ste mi napísali o tom, ako sa vám darí v škole"),
        ("de", "Ich habe mich sehr gefreut, dass Sie mir geschrieben haben"),
        ("sv", "Jag blev mycket glad över att få höra från dig och hoppas att vi ses"),
        ("pl", "Bardzo się ucieszyłem, że pan do mnie napisał o tym, co się dzieje"),
        ("en", "I was very glad to hear from you and hope that we shall meet again"),
    ],
)
def test_the_bundled_languages_know_a_page_of_their_own(name: str, text: str) -> None:
    languages = read_languages(BUNDLED.parent / LANGUAGES_FILE)
    page = languages.of_page(text.split() * 3)
    first, share = max(page.mixture, key=lambda own: own[1])
    assert first is languages.by_name[name]
    assert share > 0.5
    assert page.known > 0.8
