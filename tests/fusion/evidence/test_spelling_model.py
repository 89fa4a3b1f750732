"""The spelling model: symbols, back-off, files."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import pytest

from fusion.evidence.spelling_model import SpellingModel, context_of, read_spelling_model, symbols, write_spelling_model

MODEL = SpellingModel(3, {"a": -1.0, "b": -2.0, "ab": -0.5, "aab": -0.1}, {"a": -0.7, "aa": -0.3})


def test_symbols_know_no_case_no_accent_and_no_digit_from_another() -> None:
    assert symbols("Été 2019, “x” €") == 'ete 0000, "x" ~'


def test_the_longest_known_gram_counts_and_shorter_ones_cost_the_weight_of_leaving_them() -> None:
    assert MODEL.log_probability("aa", "b", "") == pytest.approx(-0.1)
    assert MODEL.log_probability("ba", "b", "") == pytest.approx(-0.5)
    assert MODEL.log_probability("aa", "a", "") == pytest.approx(-0.3 - 0.7 - 1.0)
    assert MODEL.log_probability("", "z", "") < -8.0


def test_what_follows_counts_as_well() -> None:
    assert MODEL.log_probability("a", "", "b") == MODEL.log_probability("a", "b", "")


def test_a_line_begins_and_ends_with_a_space() -> None:
    texts = ["A", "b", "", " ", "c"]
    assert context_of(texts, 0, 3) == (" ", "b c")
    assert context_of(texts, 2, 2) == ("ab", " c")
    assert context_of(texts, 4, 2) == ("b ", " ")


def test_a_file_brings_back_what_was_written_to_a_hundredth(tmp_path: Path) -> None:
    path = tmp_path / "spelling.json.gz"
    write_spelling_model(MODEL, path)
    found = read_spelling_model(path)
    assert found.likelihoods == pytest.approx(MODEL.likelihoods)
    assert found.backoffs == pytest.approx(MODEL.backoffs)
    first = path.read_bytes()
    write_spelling_model(found, path)
    assert path.read_bytes() == first


def test_a_model_from_a_file_travels_as_its_name(tmp_path: Path) -> None:
    path = tmp_path / "spelling.json.gz"
    write_spelling_model(SpellingModel(2, {"a" * length: -1.0 for length in range(1, 500)}), path)
    found = read_spelling_model(path)
    assert len(pickle.dumps(found)) < 300
    assert pickle.loads(pickle.dumps(found)) is found
    assert pickle.loads(pickle.dumps(MODEL)) == MODEL


def test_a_probability_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        SpellingModel(2, {"a": math.log(1.1)})
