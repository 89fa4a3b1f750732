"""The newest records of the log files."""

from __future__ import annotations

import json
from pathlib import Path

from deployments.observability.log_tail import LogQuery, merge_records, newest_records
from deployments.observability.logs import HIDDEN
from ocr.contract import LogRecord, LogsOptions


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
