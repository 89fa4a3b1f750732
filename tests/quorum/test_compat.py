"""The names of the system before keep their meaning."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from ocr.errors import NotReady, OutOfRange
from quorum.client import Client
from quorum.compat import CharacterWordRecognitionSystem, CustomImageProcessor, ProductionOCRAPI, RealTimeOCR
from tests.fakes.service import FakeService, listening, text_answer

IMAGE = b"an image file"
ROOT = Path(__file__).parents[2]


def client_of(service: FakeService) -> Client:
    return Client("http://quorum.test", transport=httpx.MockTransport(service))


def api_of(service: FakeService) -> ProductionOCRAPI:
    return ProductionOCRAPI(client=client_of(service))


def test_a_character_has_the_keys_of_predict() -> None:
    answer = api_of(FakeService()).predict_single_character(IMAGE, method="majority_voting")
    assert answer["character"] == "A"
    assert set(answer["engine_predictions"]["emnist_cnn"]) >= {"character", "confidence", "status", "latency_ms"}


def test_a_page_has_its_text_and_time_as_plain_json() -> None:
    answer = api_of(FakeService()).predict_image_text(IMAGE)
    assert {"text", "confidence", "processing_time_ms", "characters"} <= set(answer)
    assert json.loads(json.dumps(answer)) == answer


def test_weights_that_were_set_travel_under_the_names_of_today() -> None:
    service = FakeService()
    api = api_of(service)
    api.ensemble_ocr.weights = {"emnist": 0.7, "tesseract": 0.3}
    api.predict_image_text(IMAGE, method="weighted_voting")
    assert json.loads(service.last.url.params["weights"]) == {"emnist_cnn": 0.7, "tesseract": 0.3}
    assert service.last.url.params["method"] == "weighted_voting"


@pytest.mark.parametrize(
    ("name", "value", "key", "verdict"),
    [
        ("MIN_CONFIDENCE", 0.95, "accepted", False),
        ("HIGH_CONFIDENCE", 0.95, "band", "medium"),
        ("ENSEMBLE_THRESHOLD", 0.95, "needs_review", True),
    ],
)
def test_each_threshold_that_was_set_decides_its_verdict(name: str, value: float, key: str, verdict: object) -> None:
    api = api_of(FakeService())  # it answers with confidence 0.9
    assert api.predict_image_text(IMAGE)[key] != verdict
    setattr(api.ensemble_ocr, name, value)
    assert api.predict_image_text(IMAGE)[key] == verdict


def test_a_batch_keeps_its_order_and_tells_what_failed() -> None:
    first, second = api_of(FakeService()).batch_predict([IMAGE, b"not one"])
    assert (first["success"], second["success"]) == (True, False)
    assert second["error"]["code"] == "not_an_image"


def test_the_status_counts_what_this_program_asked(tmp_path: Path) -> None:
    service = FakeService()
    api = api_of(service)
    api.predict_image_text(IMAGE)
    service.answers["/predict_text"] = NotReady("no", "wait", 0.01)
    with pytest.raises(NotReady):
        api.predict_image_text(IMAGE)
    state = api.get_system_status()
    assert state["health_check"]["api_ready"] is True
    assert state["health_check"]["components"]["trocr"] is False
    metrics = state["monitoring_metrics"]
    assert (metrics["total_predictions"], metrics["error_rate"], metrics["avg_confidence"]) == (2, 0.5, 0.9)
    assert metrics["system_status"] == "ready"
    api.monitor.export_metrics(tmp_path / "metrics.json")
    assert json.loads((tmp_path / "metrics.json").read_text())["total_predictions"] == 2


def test_a_system_lists_what_each_engine_reads_and_what_they_say_together() -> None:
    system = CharacterWordRecognitionSystem(client=client_of(FakeService()))
    assert [reading["model"] for reading in system.process_image(IMAGE)] == ["tesseract", "paddleocr"]
    assert system.extract_text(IMAGE) == {"text": "Hello,\nworld", "confidence": 0.9}
    assert [result["text"] for result in system.process_batch([IMAGE, IMAGE])] == ["Hello,\nworld", ""]


def test_weights_of_one_question_do_not_stay() -> None:
    service = FakeService()
    system = CharacterWordRecognitionSystem(client=client_of(service))
    system.ensemble_process(IMAGE, weights={"emnist": 1.0})
    assert json.loads(service.last.url.params["weights"]) == {"emnist_cnn": 1.0}
    system.ensemble_process(IMAGE)
    assert "weights" not in service.last.url.params


def test_performance_is_over_the_images_that_could_be_read() -> None:
    figures = CharacterWordRecognitionSystem(client=client_of(FakeService())).analyze_performance([IMAGE, "absent.png"])
    assert (figures["total_images"], figures["failed_images"], figures["avg_confidence"]) == (2, 1, 0.9)
    assert set(figures["engines"]) == {"tesseract", "paddleocr"}


def test_steps_of_a_processor_apply_in_order_and_leave_the_image_alone() -> None:
    processor = CustomImageProcessor()
    processor.add_step("halve", lambda pixels: pixels // 2)
    processor.add_step("raise", lambda pixels: pixels + 100, position=0)
    gray = np.full((2, 3), 50, np.uint8)
    assert processor.process_image(gray).tolist() == np.full((2, 3, 3), 75).tolist()
    assert gray.max() == 50
    processor.remove_step("raise")
    assert processor.process_image(gray).max() == 25
    with pytest.raises(OutOfRange, match="halve"):
        processor.remove_step("raise")


def test_a_stream_answers_by_id_and_goes_on_after_a_failure() -> None:
    stream = RealTimeOCR(api_of(FakeService()))
    stream.start_processing()
    stream.add_image("absent.png", image_id="absent")
    image_id = stream.add_image(IMAGE)
    stream.stop_processing()
    failed, read = stream.get_result(), stream.get_result()
    assert failed is not None
    assert (failed["image_id"], failed["success"]) == ("absent", False)
    assert read is not None
    assert (read["image_id"], read["text"]) == (image_id, "Hello,\nworld")
    assert read["queue_processing_time"] > 0
    assert stream.get_result(block=False) is None


def test_a_full_stream_drops_the_oldest_and_says_so() -> None:
    stream = RealTimeOCR(api_of(FakeService()), max_waiting=2)
    for number in "123":
        stream.add_image(IMAGE, image_id=number)
    stream.start_processing()
    stream.stop_processing()
    results: list[Any] = [stream.get_result(block=False) for _ in range(3)]
    assert [(result["image_id"], result["success"]) for result in results] == [("1", False), ("2", True), ("3", True)]


def test_every_name_of_the_page_has_an_example_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = FakeService()
    spoke = text_answer(engines=("emnist_cnn", "tesseract", "paddleocr"))
    service.answers["/predict_text"] = spoke
    page = (ROOT / "docs" / "compat.md").read_text()
    examples = "\n".join(re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    with listening(service) as url:
        exec(compile(examples.replace("http://127.0.0.1:8000", url), "compat.md", "exec"), {})
    assert (tmp_path / "metrics.json").is_file()
