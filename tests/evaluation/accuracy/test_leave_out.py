from __future__ import annotations

import pytest

from evaluation.accuracy.error_rates import FUSED, Sample
from evaluation.accuracy.leave_one_out.held_out import BEST_ENGINE, HeldOutSet, HeldOutTable, LeaveOutReport, Marked
from evaluation.accuracy.leave_one_out.report import blocks
from evaluation.accuracy.word_scores import AGREEMENT, agreement_scores, engine_scores, scored_words, word_scores
from fusion import Profile, fuse_line
from ocr import Hypothesis

TRUTH = "abcdefghij" * 3


def edited(count: int) -> str:
    return "#" * count + TRUTH[count:]


def held_out(name: str, ada: int, fused: int, lines: int = 50) -> HeldOutSet:
    """A set in which one engine and the fusion make so many edits on each line."""
    texts = {"ada": edited(ada), FUSED: edited(fused)}
    sure = {"ada": (0.5,), FUSED: (0.9 if fused == 0 else 0.2,), AGREEMENT: (0.7,)}
    return HeldOutSet.of(name, [Sample(name, TRUTH, texts, sure)] * lines, 0)


@pytest.mark.parametrize(
    ("ada", "fused", "lines", "passes"),
    [
        (10, 9, 50, True),
        (10, 10, 50, True),
        (10, 11, 50, False),  # many edits: not one more
        (1, 2, 5, True),  # few: five more are allowed
        (1, 2, 6, False),
    ],
)
def test_a_set_passes_where_the_vote_is_not_worse_than_its_best_engine(
    ada: int, fused: int, lines: int, passes: bool
) -> None:
    assert held_out("s", ada, fused, lines).never_worse is passes


def test_a_table_pools_all_lines_and_means_over_sets() -> None:
    table = HeldOutTable("True lines", {"a": held_out("a", 10, 5), "b": held_out("b", 10, 10)})
    assert (table.reduction, table.share) == (0.25, 0.25)
    assert table.pooled.low < -0.1
    assert table.pooled.high < 0.0
    assert table.left(FUSED) == pytest.approx((0.95, 0.9, 0.8))


def test_the_worth_of_a_voter_is_said_against_the_best_engine_of_all() -> None:
    table = HeldOutTable("True lines", {"a": held_out("a", 10, 5)})
    report = LeaveOutReport([table], {}, without={"a": {"ada": 400, "bob": 250}})
    text = "\n".join(blocks(report))
    assert "| a | 500 | 250 | 400 | 250 |" in text
    assert "50.0% fewer than the best engine of all; 20.0% without ada, 50.0% without bob." in text


def test_each_judge_has_scores_for_the_words_it_judges() -> None:
    hypotheses = {"ada": Hypothesis.of_text("to be 0r", 0.9), "bob": Hypothesis.of_text("to be or", 0.4)}
    fused = fuse_line(hypotheses, Profile("even", {"ada": 0.4, "bob": 0.6}))
    assert fused.text == "to be or"
    assert engine_scores(hypotheses["ada"]) == pytest.approx((0.9, 0.9, 0.9))
    assert agreement_scores(fused) == (1.0, 1.0, 0.75)
    texts = {"ada": "to be 0r", "bob": "to be or", FUSED: fused.text}
    sample = Sample("s", "to be or not", texts, word_scores(hypotheses, fused))
    of_ada = scored_words([sample], "ada", "ada")
    assert (of_ada.right.tolist(), of_ada.missed) == ([True, True, False], 1)
    assert scored_words([sample], FUSED, AGREEMENT).confidences.tolist() == [1.0, 1.0, 0.75]


def test_the_f1_of_words_counts_invented_and_missed_ones() -> None:
    samples = [
        Sample("s", "to be or not", {"ada": "to be 0r not", FUSED: "to be or not"}),
        Sample("s", "", {"ada": "noise", FUSED: ""}),
    ]
    found = HeldOutSet.of("s", samples, None)
    assert found.word_f1 == pytest.approx({"ada": 2 * 3 / (5 + 4), FUSED: 1.0})
    assert found.best_word_f1 == found.word_f1["ada"]


def test_lines_that_are_marked_are_counted_with_text_and_without() -> None:
    marked = Sample("s", TRUTH, {"ada": TRUTH, FUSED: TRUTH}, legible=False)
    dust = Sample("s", "", {"ada": "x", FUSED: "x"}, legible=False)
    dirt = Sample("s", "", {"ada": "y", FUSED: "y"})
    missed = Sample("s", TRUTH, {"ada": "", FUSED: ""})
    found = HeldOutSet.of("s", [marked, dust, dirt, missed], None)
    assert (found.text_lines, found.other_lines) == (Marked(2, 1), Marked(2, 1))


def test_a_place_where_nothing_was_found_is_missed_with_all_its_words() -> None:
    found = HeldOutSet.of("s", [Sample("s", "two words", {"ada": "two words", FUSED: ""}, {"ada": (0.5, 0.5)})], None)
    assert found.doubt[FUSED].errors == 2
    assert found.doubt[BEST_ENGINE].errors == 0
