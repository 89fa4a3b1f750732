"""What is told of readings: to the metrics under the declared labels, and to the log without recognised text."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest

from deployments.messages.answers import CharacterReading
from deployments.messages.request import ReadRequest, RecognitionOptions
from deployments.observability.log_tail import LogQuery, merge_records, newest_records
from deployments.observability.logs import HIDDEN, LoggingConfig, RedactionFilter
from deployments.observability.metrics import METRICS, Metric, MetricKind, table
from deployments.observability.reading_metrics import observe_characters, observe_page
from fusion import Method, Profile
from ocr import Box, Character, EngineReport, Hypothesis, Line, Page, Status
from ocr.contract import LogRecord, LogsOptions
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
    line = Line((Character("H", 0.9), Character("i", 0.9)), (), 0.9, place, 0, hypotheses)
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


def test_metrics_have_names_of_their_own_and_histograms_ascending_buckets() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.exported.startswith("ray_ocr_")
        assert not metric.name.endswith("_total")
        assert bool(metric.buckets) == (metric.kind is MetricKind.HISTOGRAM)
        assert list(metric.buckets) == sorted(set(metric.buckets))


def test_the_documentation_lists_exactly_the_metrics_that_there_are() -> None:
    assert table() in (ROOT / "docs" / "operations.md").read_text(), "python -m deployments.observability.metrics"


def record_of(error: Exception | None = None, **extra: object) -> logging.LogRecord:
    exc_info = None
    if error is not None:
        try:
            raise error
        except type(error):
            exc_info = sys.exc_info()
    record = logging.LogRecord("quorum.x", logging.INFO, __file__, 1, "message", (), exc_info)
    record.__dict__.update(extra)
    return record


def test_recognised_text_is_cut_out_of_a_record_unless_it_is_allowed() -> None:
    record = record_of(text="dear diary", confidence=0.5)
    assert RedactionFilter(text=False).filter(record)
    assert (record.__dict__["text"], record.__dict__["confidence"]) == (HIDDEN, 0.5)
    allowed = record_of(text="dear diary")
    RedactionFilter(text=True).filter(allowed)
    assert allowed.__dict__["text"] == "dear diary"


def test_what_an_exception_says_is_cut_out_too_and_where_it_came_from_stays() -> None:
    record = record_of(ValueError("cannot align 'dear diary'"))
    RedactionFilter(text=False).filter(record)
    written = logging.Formatter().format(record)
    assert "diary" not in written
    assert "ValueError" in written
    assert Path(__file__).name in written
    ours = record_of(NotAnImage("the file is empty"))
    RedactionFilter(text=False).filter(ours)
    assert "the file is empty" in logging.Formatter().format(ours)


def test_a_live_document_changes_only_what_it_says_of_logging() -> None:
    assert LoggingConfig("INFO", text=False).with_document({"log_level": "DEBUG"}) == LoggingConfig("DEBUG", text=False)
    assert LoggingConfig("INFO", text=False).with_document({"log_text": True, "method": "x"}) == LoggingConfig(
        "INFO", text=True
    )


def line(second: int, **fields: object) -> str:
    line = {"levelname": "INFO", "message": f"at {second}", "timestamp_ns": second * 10**9}
    actor = f"SERVE_REPLICA::quorum#{fields.pop('component', 'Router')}#r1"
    return json.dumps({**line, "actor_name": actor, "replica": "r1", "request_id": "q", **fields})


def records(folder: Path, *, text: bool = False, **options: object) -> list[LogRecord]:
    return newest_records(folder, "10.0.0.7", LogQuery(LogsOptions.model_validate(options), text))


def test_the_newest_records_of_a_folder_are_found_in_order_and_filtered(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("\n".join([line(1), "not json", line(4, levelname="ERROR"), '{"half":']))
    (tmp_path / "b.log").write_text(
        "\n".join([line(3, component="Gateway"), line(2, text="diary"), line(5, levelname="DEBUG")])
    )
    assert [record.message for record in records(tmp_path)] == ["at 1", "at 2", "at 3", "at 4"]
    assert [record.message for record in records(tmp_path, limit=2)] == ["at 3", "at 4"]
    assert [record.message for record in records(tmp_path, level="ERROR")] == ["at 4"]
    assert [record.message for record in records(tmp_path, level="DEBUG", component="Gateway")] == ["at 3"]
    assert records(tmp_path, request_id="other") == []
    [record] = [record for record in records(tmp_path) if record.fields]
    assert (record.node, record.replica, record.fields) == ("10.0.0.7", "r1", {"text": HIDDEN})
    assert records(tmp_path, text=True)[1].fields == {"text": "diary"}


def test_only_the_end_of_a_large_file_is_read(tmp_path: Path) -> None:
    with (tmp_path / "large.log").open("w") as file:
        for second in range(20_000):
            file.write(line(second) + "\n")
    found = records(tmp_path, limit=1000)
    assert found[-1].message == "at 19999"
    assert len(found) == 1000


def test_records_of_several_nodes_become_one_sequence(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("\n".join(map(line, [1, 3, 5])))
    first = records(tmp_path)
    (tmp_path / "a.log").write_text("\n".join(map(line, [2, 4])))
    assert [record.message for record in merge_records([first, records(tmp_path)], 4)] == [
        "at 2",
        "at 3",
        "at 4",
        "at 5",
    ]


def test_agreement_is_counted_over_the_lines_of_a_page_and_told_once_for_each_engine() -> None:
    noted = Noted()
    hypotheses = {"a": Hypothesis.of_text("Q", 0.6), "b": Hypothesis.of_text("O", 0.6), "c": Hypothesis.abstain("no")}
    readings = [CharacterReading(Character(text, 0.6), hypotheses, REPORTS) for text in "QQO"]
    observe_characters(readings, REQUEST, noted)
    told = {(labels["engine"], labels["agrees"]): count for count, labels in noted.of("ocr_engine_readings")}
    assert told == {("a", "yes"): 2, ("a", "no"): 1, ("b", "no"): 2, ("b", "yes"): 1}
    assert len(noted.of("ocr_engine_readings")) == len(told)
