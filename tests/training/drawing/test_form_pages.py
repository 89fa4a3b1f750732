"""Drawn forms: the same for the same seed, with what stands where said in the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.accuracy.forms import margin_numbers
from evaluation.accuracy.detected_pages import DetectedPage
from evaluation.accuracy.error_rates import FUSED
from evaluation.pages.ground_truth import read_pages
from training.drawing.form_pages import HEIGHT_PX, WIDTH_PX, form_page, write_forms


def test_a_form_depends_on_its_seed_and_has_one_number_that_stands() -> None:
    (one, lines), (again, same), (_, others) = form_page(3), form_page(3), form_page(4)
    assert one.shape == (HEIGHT_PX, WIDTH_PX)
    assert np.array_equal(one, again)
    assert lines == same != others
    [number] = [line for line in lines if line.stands]
    assert number.text.isdigit()


def test_ink_is_where_the_truth_says() -> None:
    picture, lines = form_page(5)
    for line in lines:
        left, top, right, bottom = (round(edge) for edge in line.box)
        assert picture[top:bottom, left:right].min() < 150, line


def test_a_number_in_the_margin_is_read_when_its_digits_are(tmp_path: Path) -> None:
    write_forms(tmp_path, 1, 2)
    [page] = read_pages(tmp_path)
    quads = tuple(line.quad() for line in page.lines)
    texts = [line.text for line in page.lines]
    right = margin_numbers([(page, DetectedPage(quads, {FUSED: texts}))])
    wrong = margin_numbers([(page, DetectedPage(quads, {FUSED: [f"{text}0" for text in texts]}))])
    missed = margin_numbers([(page, DetectedPage(quads[:1], {FUSED: texts[:1]}))])
    assert [(own.count, own.found, own.read) for own in (right, wrong, missed)] == [(1, 1, 1), (1, 1, 0), (1, 0, 0)]
