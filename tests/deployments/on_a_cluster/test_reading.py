"""Real engines on real input, over real HTTP against a real local cluster: what a user does on the first day."""

from __future__ import annotations

import base64
import json
import os
import re
import string
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageFilter
from rapidfuzz.distance import Levenshtein

from deployments.placement import one_machine_config
from ocr.contract import BatchAnswer, CharacterAnswer, StatusAnswer, TextAnswer
from quorum.batch.journal import Journal, read_all
from quorum.batch.ray_data import over_ray_data
from quorum.client import Client

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[3]
QUICK = ROOT / "examples" / "quick.png"
TRUTH = (ROOT / "examples" / "quick.txt").read_text()


@pytest.fixture(scope="module")
def url(serving: Callable[[dict[str, Any]], str]) -> str:
    return serving(one_machine_config().model_dump(mode="json", exclude_defaults=True))


@pytest.fixture(scope="module")
def quick(url: str) -> TextAnswer:
    with Client(url, timeout_s=120) as client:
        return client.read(QUICK, explain=True, timeout_s=60)


def error_rate(text: str) -> float:
    return Levenshtein.distance(" ".join(text.split()), " ".join(TRUTH.split())) / len(" ".join(TRUTH.split()))


def test_the_sample_page_is_read(quick: TextAnswer) -> None:
    assert error_rate(quick.text) < 0.02
    assert quick.confidence > 0.5


def test_tesseract_and_paddleocr_read_it_each_and_every_engine_reports(quick: TextAnswer) -> None:
    assert list(quick.engine_predictions) == ["emnist_cnn", "tesseract", "easyocr", "trocr", "paddleocr"]
    for name in ("tesseract", "paddleocr"):
        prediction = quick.engine_predictions[name]
        assert prediction.status == "ok", prediction.detail
        assert error_rate(prediction.text) < 0.1
        assert re.fullmatch(r"[\w.-]+@[\w.-]+", prediction.model)
    for name, prediction in quick.engine_predictions.items():
        assert prediction.status in ("ok", "abstained") or prediction.detail, (
            f"{name} says nothing of its {prediction.status}"
        )


def test_where_the_time_went_adds_up_over_all_processes_and_little_of_it_has_no_name(quick: TextAnswer) -> None:
    assert quick.timings is not None
    waited = [part for part in quick.timings.parts if part.critical]
    assert sum(part.duration_ms for part in waited) == pytest.approx(quick.timings.wall_ms, abs=0.1)
    named = {part.name for part in waited}
    assert {"receive", "transfer", "decode", "find lines", "inference", "fusion", "render"} <= named
    assert {part.where for part in quick.timings.parts if part.name == "inference"} == set(quick.engine_predictions)
    assert sum(part.duration_ms for part in waited if part.name == "other") < 0.05 * quick.timings.wall_ms


def test_print_that_shows_through_from_the_back_gives_no_text(url: str, tmp_path: Path) -> None:
    with Image.open(QUICK) as front:
        back = front.convert("L").transpose(Image.Transpose.FLIP_LEFT_RIGHT).filter(ImageFilter.GaussianBlur(1.5))
    back.point(lambda level: 225 + level * 25 // 255).save(tmp_path / "back.png")
    with Client(url, timeout_s=120) as client:
        answer = client.read(tmp_path / "back.png", timeout_s=60)
    assert answer.text == ""
    assert answer.illegible_lines == len([line for line in answer.lines if line.text]) > 0
    assert not answer.accepted
    assert answer.needs_review


def test_lines_are_in_reading_order_and_lie_on_the_page(quick: TextAnswer) -> None:
    tops = [min(y for _, y in line.polygon) for line in quick.lines]
    assert tops == sorted(tops)
    assert len(quick.lines) == len(TRUTH.split("\n")) - TRUTH.split("\n").count("")
    for place in quick.characters:
        assert place.bounding_box is not None
        x, y, width, height = place.bounding_box
        assert 0 <= x < x + width <= quick.width + 1
        assert 0 <= y < y + height <= quick.height + 1


def test_every_letter_was_said_by_somebody(quick: TextAnswer) -> None:
    for place in quick.characters:
        assert place.votes is not None
        assert place.character in {vote.text for vote in place.votes.values()}


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_page_on_its_side_is_read(url: str, degrees: int, tmp_path: Path) -> None:
    with Image.open(QUICK) as upright:
        turned = upright.rotate(degrees, expand=True)
        turned.save(tmp_path / "turned.png")
        turned.close()
    with Client(url, timeout_s=120) as client:
        answer = client.read(tmp_path / "turned.png", engines=("paddleocr",), timeout_s=60)
    assert error_rate(answer.text) < 0.05


def test_one_character_is_read_from_each_way_of_sending_it(url: str) -> None:
    image = (ROOT / "tests" / "fixtures" / "seven.png").read_bytes()
    ways: list[dict[str, Any]] = [
        {"json": {"image": base64.b64encode(image).decode(), "classes": "digits"}},
        {"files": {"image": ("seven.png", image)}, "data": {"classes": "digits"}},
        {"content": image, "headers": {"content-type": "image/png"}, "params": {"classes": "digits"}},
    ]
    for way in ways:
        answer = CharacterAnswer.model_validate(httpx.post(f"{url}/predict", timeout=60, **way).json())
        assert answer.character == "7"
        assert answer.engine_predictions["trocr"].status in ("skipped", "unavailable")


@pytest.mark.parametrize(
    ("classes", "allowed"), [("alnum", string.digits + string.ascii_letters), ("lower", string.ascii_lowercase)]
)
def test_a_picture_of_28_by_28_gets_the_best_three_of_the_classes_asked_for(
    url: str, classes: str, allowed: str, tmp_path: Path
) -> None:
    with Image.open(ROOT / "tests" / "fixtures" / "seven.png") as seven:
        seven.convert("L").resize((28, 28)).save(tmp_path / "small.png")
    with Client(url, timeout_s=60) as client:
        answer = client.read_character(tmp_path / "small.png", classes=classes)
    said = answer.engine_predictions["emnist_cnn"]
    best = [said.character, *said.alternatives]
    assert len(set(best)) == 3
    assert set("".join(best)) <= set(allowed)
    assert answer.character in allowed
    assert classes != "alnum" or answer.character == "7"


def test_a_batch_of_characters_keeps_its_order(url: str) -> None:
    image = base64.b64encode((ROOT / "tests" / "fixtures" / "seven.png").read_bytes()).decode()
    body = {"images": [image, base64.b64encode(b"junk").decode(), image], "classes": "digits"}
    answer = BatchAnswer.model_validate(httpx.post(f"{url}/batch_predict", json=body, timeout=60).json())
    assert [result.success for result in answer.results] == [True, False, True]


def test_steps_by_name_are_taken_and_the_noisy_profile_brings_its_own(url: str) -> None:
    with Client(url, timeout_s=120) as client:
        for options in ({"preprocess": ("denoise", "sharpen", "resize")}, {"profile": "noisy"}):
            answer = client.read(QUICK, engines=("paddleocr",), timeout_s=60, **options)  # type: ignore[arg-type]
            assert error_rate(answer.text) < 0.05


def test_status_shows_models_memory_and_replicas(url: str) -> None:
    status = StatusAnswer.model_validate(httpx.get(f"{url}/status", timeout=30).json())
    assert set(status.components) == {"Gateway", "Router", "Segmentation", "JobWorker", *status.engines}
    assert all(component.replicas == 1 for component in status.components.values())
    tesseract = status.engines["tesseract"]
    assert tesseract.available
    assert tesseract.model.startswith("tesseract")
    assert tesseract.memory_mb > 10
    assert set(tesseract.weight) == set(status.profiles)
    by_hand = {name: weight for name, weight in tesseract.weight.items() if name.startswith("starting_")}
    assert by_hand == {
        "starting_general": 0.2,
        "starting_handwritten": 0.05,
        "starting_noisy": 0.05,
        "starting_printed": 0.4,
    }


def _examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("command", _examples("bash"))
def test_the_curl_examples_of_the_readme_work(url: str, command: str) -> None:
    finished = subprocess.run(
        ["bash", "-c", command.replace("http://127.0.0.1:8000", url)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        check=True,
    )
    assert error_rate(TextAnswer.model_validate_json(finished.stdout).text) < 0.02


@pytest.mark.parametrize("program", _examples("python"))
def test_the_python_examples_of_the_readme_work(url: str, program: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", program.replace("http://127.0.0.1:8000", url)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        check=False,
    )
    assert TRUTH.split("\n", 1)[0] in finished.stdout, finished.stderr[-2000:]


def test_programs_of_the_system_before_run_on_a_real_service(url: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "compat.md").read_text().replace("http://127.0.0.1:8000", url)
    program = "\n".join(re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    (tmp_path / "examples").mkdir()
    for name in ("quick.png", "page.png"):  # the quick one in both places: the other has forty lines
        (tmp_path / "examples" / name).write_bytes(QUICK.read_bytes())
    finished = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert finished.stdout.count(TRUTH.split("\n", 1)[0]) >= 3
    assert json.loads((tmp_path / "metrics.json").read_text())


def test_the_tour_runs_from_its_first_cell_to_its_last(url: str) -> None:
    cells = json.loads((ROOT / "docs" / "tour.ipynb").read_text())["cells"]
    program = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    finished = subprocess.run(
        [sys.executable, "-c", program.replace("http://127.0.0.1:8000", url)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT / "docs",
        check=False,
    )
    assert "labelled lines" in finished.stdout, finished.stderr[-2000:]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray Data's own use of its options
def test_many_files_are_read_through_ray_data(url: str, tmp_path: Path) -> None:
    names = [tmp_path / f"{number}.png" for number in range(6)]
    for name in names:
        name.write_bytes(QUICK.read_bytes())
    (tmp_path / "broken.png").write_bytes(b"no image")
    reading = over_ray_data({"engines": ["paddleocr"], "timeout_s": 120}, address="auto", at_once=2, whole=False)
    with Journal(tmp_path / "results.parquet") as journal:
        read_all([*names, tmp_path / "broken.png"], journal, reading, lambda _path: None)
        rows = {Path(row.path).name: row for row in journal.rows()}
    assert all(error_rate(rows[name.name].text) < 0.05 for name in names)
    assert (rows["broken.png"].success, len(rows)) == (False, 7)
