"""Prefix beam search against every path of tiny cases: the same best text and score, the same likeliest alignment."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.common.character_ngrams import CharacterNgrams, log_shares, symbol
from engines.common.ctc import Steps
from engines.common.prefix_beam import LANGUAGE, LENGTH, Text, agreement, aligned, likeliest_texts
from training.lines.ctc.ngram_counting import Kept, count_grams, smoothed

CHARACTERS = ("", "a", "b", " ")
MODEL = CharacterNgrams(tuple(smoothed(count_grams(["a bab ab aab b baba"], 3), Kept(0, 0))))


@st.composite
def tables(draw: st.DrawFn) -> Steps:
    """Two to five steps in which nothing is so unlikely that the search leaves it out."""
    rows = draw(st.lists(st.tuples(*[st.floats(0.05, 1.0)] * len(CHARACTERS)), min_size=2, max_size=5))
    table = np.array(rows, np.float32)
    return table / table.sum(axis=1, keepdims=True)


def paths(steps: Steps) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every path with its probability."""
    for path in product(range(steps.shape[1]), repeat=len(steps)):
        yield path, math.prod(float(row[column]) for row, column in zip(steps, path, strict=True))


def text_of(path: Sequence[int]) -> tuple[int, ...]:
    return tuple(column for column, _ in groupby(path) if column)


def of_language(columns: Sequence[int]) -> float:
    """What the language and the length of a whole line add to its score."""
    history, total = symbol(" "), LENGTH * len(columns)
    for column in columns:
        place = symbol(CHARACTERS[column])
        total += LANGUAGE * (MODEL.log_probabilities(history)[place] + log_shares([place])[0])
        history = MODEL.after(history, place)
    if history % 128 != symbol(" "):
        total += LANGUAGE * MODEL.log_probabilities(history)[symbol(" ")]
    return total


@settings(max_examples=40, deadline=None)
@given(tables())
def test_a_search_that_is_wide_enough_finds_what_all_paths_say(steps: Steps) -> None:
    likelihoods: dict[tuple[int, ...], float] = defaultdict(float)
    for path, probability in paths(steps):
        likelihoods[text_of(path)] += probability
    scores = {text: math.log(own) + of_language(text) for text, own in likelihoods.items()}
    found = likeliest_texts(steps, CHARACTERS, MODEL, width=10_000)
    assert {text.columns for text in found} == set(scores)
    # Scores are up to a constant: what each step was divided by.
    apart = scores[found[0].columns] - found[0].score
    assert [text.score + apart for text in found] == pytest.approx(sorted(scores.values(), reverse=True), abs=1e-4)
    assert [scores[text.columns] for text in found] == pytest.approx(sorted(scores.values(), reverse=True), abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(tables(), st.data())
def test_an_alignment_is_as_likely_as_the_likeliest_path_of_its_text(steps: Steps, data: st.DataObject) -> None:
    by_text = defaultdict(list)
    for path, probability in paths(steps):
        by_text[text_of(path)].append(probability)
    text = data.draw(st.sampled_from(sorted(by_text)))
    runs = aligned(steps, text)
    assert tuple(run.column for run in runs) == text
    path = [0] * len(steps)
    for run in runs:
        path[run.start : run.end] = [run.column] * (run.end - run.start)
    assert text_of(path) == text
    probability = math.prod(float(row[column]) for row, column in zip(steps, path, strict=True))
    assert probability == pytest.approx(max(by_text[text]), rel=1e-4)


def test_the_language_decides_where_the_picture_leaves_it_open() -> None:
    words = CharacterNgrams(tuple(smoothed(count_grams(["the then they there"] * 3, 3), Kept(0, 0))))
    characters = ("", *"theco")
    steps = np.full((5, 6), 0.002, np.float32)
    for step, row in ((0, {1: 0.98}), (1, {2: 0.98}), (2, {4: 0.5, 3: 0.48}), (3, {0: 0.98}), (4, {0: 0.98})):
        for column, probability in row.items():
            steps[step, column] = probability
    best = likeliest_texts(steps, characters, words)[0]
    assert "".join(characters[column] for column in best.columns) == "the"


def test_a_line_of_blanks_has_no_text() -> None:
    steps = np.zeros((3, 4), np.float32)
    steps[:, 0] = 1.0
    assert likeliest_texts(steps, CHARACTERS, MODEL)[0].columns == ()
    assert aligned(steps, ()) == []


def test_agreement_is_the_share_of_the_texts_that_have_the_character() -> None:
    texts = [Text((1, 2, 1), 0.0), Text((1, 3, 1), math.log(1 / 3))]
    assert agreement(texts) == pytest.approx([1.0, 0.75, 1.0])


def test_more_characters_than_steps_have_no_alignment() -> None:
    with pytest.raises(ValueError, match="3 characters in 2 steps"):
        aligned(np.full((2, 4), 0.25, np.float32), (1, 2, 1))
