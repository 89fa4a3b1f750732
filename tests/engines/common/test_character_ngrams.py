"""N-grams of characters that are counted here: what they say, and that a file gives them back."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from engines.common.character_ngrams import ALPHABET, CharacterNgrams, log_shares, read_ngrams, symbol, write_ngrams
from ocr.errors import EngineUnavailable
from training.lines.ctc.ngram_counting import Kept, count_grams, smoothed

ALL = Kept(contexts=0, grams=0)
TEXT = "the cat sat on the mat and the rat ate the cheese"


def model(*texts: str, order: int = 3, kept: Kept = ALL) -> CharacterNgrams:
    return CharacterNgrams(tuple(smoothed(count_grams(texts, order), kept)))


def history(ngrams: CharacterNgrams, text: str) -> int:
    packed = 0
    for character in text:
        packed = ngrams.after(packed, symbol(character))
    return packed


def likeliest(ngrams: CharacterNgrams, text: str) -> str:
    return ALPHABET[int(np.argmax(ngrams.log_probabilities(history(ngrams, text))))]


def test_what_often_follows_is_likely() -> None:
    ngrams = model(TEXT)
    assert likeliest(ngrams, "th") == "e"
    assert likeliest(ngrams, "q, th") == "e"


def test_an_unseen_context_is_shortened_until_it_was_seen() -> None:
    ngrams = model(TEXT)
    assert ngrams.log_probabilities(history(ngrams, "zh")) == ngrams.log_probabilities(history(ngrams, "h"))


@pytest.mark.parametrize("kept", [ALL, Kept(contexts=3, grams=2)])
@pytest.mark.parametrize("context", ["", "t", "th", "he", "zz"])
def test_the_probabilities_after_any_context_sum_to_one(context: str, kept: Kept) -> None:
    ngrams = model(TEXT, order=4, kept=kept)
    assert sum(map(math.exp, ngrams.log_probabilities(history(ngrams, context)))) == pytest.approx(1.0, abs=1e-5)


def test_digits_and_what_is_not_in_the_alphabet_share_a_symbol() -> None:
    assert symbol("7") == symbol("0")
    assert symbol("ß") == symbol("~") == symbol("")
    assert log_shares([symbol("a"), symbol("7")]) == pytest.approx([0.0, math.log(0.1)])


def test_a_file_gives_the_same_model_back_but_for_rounding(tmp_path: Path) -> None:
    counted = smoothed(count_grams([TEXT], 3), ALL)
    path = tmp_path / "en.npz"
    write_ngrams(counted, path)
    first = path.read_bytes()
    write_ngrams(counted, path)
    assert path.read_bytes() == first
    own, read = CharacterNgrams(tuple(counted)), read_ngrams(path)
    for context in ("", "t", "th", "zz"):
        wanted = own.log_probabilities(history(own, context))
        assert read.log_probabilities(history(read, context)) == pytest.approx(wanted, abs=0.2)


def test_what_is_no_such_file_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "en.npz"
    path.write_bytes(b"no n-grams")
    with pytest.raises(EngineUnavailable, match=r"en\.npz holds no n-grams"):
        read_ngrams(path)
