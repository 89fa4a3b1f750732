"""What is told of readings: to the metrics under the declared labels, and to the log without recognised text."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.messages.answers import CharacterReading
from deployments.messages.request import ReadRequest, RecognitionOptions
from deployments.observability.metrics import Metric
from deployments.observability.reading_metrics import observe_characters, observe_page
from fusion import Method, Profile
from ocr import Box, Character, EngineReport, Hypothesis, Line, Page, Status, Word
from ocr.errors import NotAnImage

ROOT = Path(__file__).parents[3]
REQUEST = ReadRequest(
    Method.MAJORITY_VOTING,
    Profile("printed", {"a": 1.0, "b": 1.0}),
    ("a", "b"),
    0.0,
    RecognitionOptions(),
    config_version=4,
)
REPORTS = (
    EngineReport("a", Status.OK, 0.2, "a@1"),
    EngineReport("b", Status.TIMEOUT, 0.9),
    EngineReport("c", Status.SKIPPED),
)


class Noted:
    def __init__(self) -> None:
        self.told: list[tuple[str, float, dict[str, str]]] = []

    def __call__(self, metric: Metric, value: float = 1.0, /, **labels: str) -> None:
        assert set(labels) == set(metric.labels)
        self.told.append((metric.name, value, labels))

    def of(self, name: str) -> list[tuple[float, dict[str, str]]]:
        return [(value, labels) for told, value, labels in self.told if told == name]


def page() -> Page:
    place = Box(0, 0, 10, 10).polygon()
    hypotheses = {
        "a": Hypothesis.of_text("Hi", 0.9),
        "b": Hypothesis.of_text("Ho", 0.9),
        "c": Hypothesis.abstain("joined"),
    }
    read = (Character("H", 0.9), Character("i", 0.9))
    line = Line(read, (Word(read, 0.9),), 0.9, place, 0, hypotheses)
    return Page(10, 10, (line,), REPORTS, "majority_voting", "printed")


def test_a_page_tells_outcomes_latencies_agreement_and_confidence(caplog: pytest.LogCaptureFixture) -> None:
    noted = Noted()
    with caplog.at_level("INFO", "quorum.reading"):
        observe_page(page(), REQUEST, noted)
    outcomes = {labels["engine"]: labels["outcome"] for _, labels in noted.of("ocr_engine_outcomes")}
    assert outcomes == {"a": "ok", "b": "timeout", "c": "skipped"}
    assert noted.of("ocr_engine_seconds") == [(0.2, {"engine": "a"}), (0.9, {"engine": "b"})]
    assert noted.of("ocr_engine_readings") == [
        (1.0, {"engine": "a", "agrees": "yes"}),
        (1.0, {"engine": "b", "agrees": "no"}),
    ]
    assert noted.of("ocr_answers") == [(1.0, {"task": "text", "band": "high"})]
    [record] = caplog.records
    assert record.__dict__["config_version"] == 4
    assert record.__dict__["text"] == "Hi"
    assert "Hi" not in record.getMessage()


def test_characters_are_told_one_by_one_and_their_engines_once() -> None:
    noted = Noted()
    reading = CharacterReading(Character("Q", 0.6), {"a": Hypothesis.of_text("Q", 0.6)}, REPORTS)
    observe_characters([reading, NotAnImage("broken"), reading], REQUEST, noted)
    assert len(noted.of("ocr_engine_outcomes")) == 3
    assert [labels for _, labels in noted.of("ocr_answers")] == [{"task": "character", "band": "medium"}] * 2
    observe_characters([NotAnImage("broken")], REQUEST, Noted())


def test_agreement_is_counted_over_the_lines_of_a_page_and_told_once_for_each_engine() -> None:
    noted = Noted()
    hypotheses = {"a": Hypothesis.of_text("Q", 0.6), "b": Hypothesis.of_text("O", 0.6), "c": Hypothesis.abstain("no")}
    readings = [CharacterReading(Character(text, 0.6), hypotheses, REPORTS) for text in "QQO"]
    observe_characters(readings, REQUEST, noted)
    told = {(labels["engine"], labels["agrees"]): count for count, labels in noted.of("ocr_engine_readings")}
    assert told == {("a", "yes"): 2, ("a", "no"): 1, ("b", "no"): 2, ("b", "yes"): 1}
    assert len(noted.of("ocr_engine_readings")) == len(told)
