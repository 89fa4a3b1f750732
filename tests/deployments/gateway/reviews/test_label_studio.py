"""Tasks for Label Studio and what is annotated there: their shape, and with Label Studio's own SDK."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployments.gateway.reviews.label_studio import decisions_of, task
from ocr.errors import InvalidRequest
from ocr.label_studio import CONFIG
from tests.deployments.gateway.reviews.conftest import Person
from tests.fakes.reviewed_jobs import agreed, disputed, page_saying

PAGE = page_saying([agreed("Harbour"), disputed("Qvay", "Quay", 0.3)], [disputed("Bristo1", "Bristol", 0.5)])
NUMBERS = {(0, 1): 1, (1, 0): 2}
TASK = task("pictures/0000-letter-0001.jpg", "letter.png", PAGE, NUMBERS)


def annotated(*texts: str, illegible: int | None = None, **more: Any) -> dict[str, Any]:
    """The task as it is exported: with these texts, one of the words marked as illegible."""
    result = json.loads(json.dumps(TASK["predictions"][0]["result"]))
    for number, text in enumerate(texts):
        result[3 * number + 2]["value"]["text"] = [text]
    if illegible is not None:
        result[3 * illegible + 1]["value"]["labels"] = ["Illegible"]
    return {**TASK, "id": 7, "annotations": [{"id": 1, "completed_by": 1, "result": result, **more}]}


def test_each_word_that_is_asked_is_a_region_with_its_place_in_percents_and_its_text() -> None:
    result = TASK["predictions"][0]["result"]
    assert [part["type"] for part in result] == ["rectangle", "labels", "textarea"] * 2
    assert result[0]["value"] == {"x": 12.5, "y": 10.0, "width": 10.0, "height": 20.0, "rotation": 0.0}
    assert result[2]["value"]["text"] == ["Qvay"]
    assert result[2]["meta"]["read"] == {"tesseract,trocr": "Qvay", "paddleocr": "Quay"}
    assert {part["id"] for part in result} == {"word-1", "word-2"}
    assert [part["score"] for part in result[::3]] == [0.3, 0.5]
    assert TASK["predictions"][0]["score"] == 0.4
    assert TASK["data"] == {"ocr": "pictures/0000-letter-0001.jpg", "file": "letter.png", "page": 1}


def test_what_was_annotated_is_said_of_the_words_that_the_regions_are_of() -> None:
    said = decisions_of([annotated("Quay", "Bristol", illegible=1)])
    assert {number: (one.kind, one.text) for number, one in said.items()} == {
        1: ("typed", "Quay"),
        2: ("illegible", None),
    }


def test_of_several_annotations_the_last_counts_that_was_not_cancelled() -> None:
    cancelled = annotated("No", was_cancelled=True)["annotations"]
    twice = {**TASK, "annotations": [*annotated("Quai")["annotations"], *annotated("Quay")["annotations"], *cancelled]}
    assert decisions_of([twice])[1].text == "Quay"
    assert decisions_of([{**TASK, "annotations": cancelled}]) == {}


def test_a_region_that_somebody_drew_is_no_word_of_the_review() -> None:
    drawn = annotated("Quay")
    for part in drawn["annotations"][0]["result"]:
        part["id"] = "xK3jd"
    assert decisions_of([drawn]) == {}


@pytest.mark.parametrize("task", [{}, {"annotations": [{}]}, {"annotations": [{"result": [{"id": "word-1"}]}]}, 3])
def test_what_is_no_export_is_refused_with_what_to_do(task: Any) -> None:
    with pytest.raises(InvalidRequest, match="JSON-MIN"):
        decisions_of([task])


async def test_tasks_are_fetched_and_what_was_annotated_is_kept(ann: Person) -> None:
    tasks = (await ann.asks("GET", "/review/label-studio?pictures=p/")).json()
    assert [one["data"]["ocr"] for one in tasks] == ["p/0000-letter-0001.jpg", "p/0000-letter-0002.jpg"]
    result = tasks[0]["predictions"][0]["result"]
    assert [part["id"] for part in result[::3]] == ["word-1", "word-3"]
    result[2]["value"]["text"] = ["Quay"]
    exported = [{**tasks[0], "annotations": [{"result": result}]}]
    answer = (await ann.asks("POST", "/review/label-studio", json=exported)).json()
    assert answer["kept"] == 2
    review = answer["review"]
    assert (review["changed"], review["reviewers"], review["left"]) == (1, {"Label Studio": 2}, 1)
    assert "Harbour Quay Road" in (await ann.asks("GET", "/result?format=text")).text


async def test_a_body_that_is_no_list_of_tasks_is_refused(ann: Person) -> None:
    await ann.asks("POST", "/review/label-studio", 400, json={"tasks": []})


_BY_SDK = """
import json, sys
from label_studio_sdk.converter import Converter
from label_studio_sdk.label_interface import LabelInterface

folder = sys.argv[1]
config = open(f"{folder}/config.xml").read()
interface = LabelInterface(config)
interface.validate()
[task] = json.load(open(f"{folder}/tasks.json"))
assert interface.validate_task({"data": task["data"]}), "task"
assert interface.validate_prediction(task["predictions"][0]), "prediction"
exported = json.load(open(f"{folder}/export.json"))
assert interface.validate_annotation(exported[0]["annotations"][0]), "annotation"
converter = Converter(config=config, project_dir=folder, download_resources=False)
converter.convert_to_json_min(f"{folder}/export.json", f"{folder}/min", is_dir=False)
[told] = json.load(open(f"{folder}/min/result.json"))
print(json.dumps([told["transcription"], [(round(box["x"], 1), box["labels"]) for box in told["label"]]]))
"""
"""Checks tasks, predictions and annotations against the labelling interface, and converts what was annotated."""


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.timeout(900)
def test_the_sdk_of_label_studio_takes_the_interface_the_tasks_and_the_annotations(tmp_path: Path) -> None:
    made = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", made], check=True)
    pip = [made / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "label-studio-sdk==2.1.2"], check=True, timeout=800)
    (tmp_path / "config.xml").write_text(CONFIG)
    (tmp_path / "tasks.json").write_text(json.dumps([TASK]))
    (tmp_path / "export.json").write_text(json.dumps([annotated("Quay", "Bristol")]))
    finished = subprocess.run(
        [made / "bin" / "python", "-c", _BY_SDK, tmp_path], capture_output=True, text=True, check=False, timeout=300
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    texts, boxes = json.loads(finished.stdout.splitlines()[-1])
    assert texts == ["Quay", "Bristol"]
    assert boxes == [[12.5, ["Word"]], [0.0, ["Word"]]]
