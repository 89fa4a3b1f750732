from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import pytest
import typer
from lxml import etree
from typer.testing import CliRunner, Result

from cluster.local.local_cluster import ApplicationSnapshot, DeploymentState
from ocr.contract import (
    DocumentAnswer,
    DocumentOptions,
    LineAnswer,
    StatusAnswer,
    TextAnswer,
    TimedPart,
    Timings,
    WordAnswer,
)
from ocr.errors import InternalFailure, NotAnImage, OutOfRange
from quorum.cli import batch, read, status, up
from tests.fakes.book_service import BookService
from tests.fakes.service import FakeService, listening, status_answer, text_answer

APP = typer.Typer()
for command in (read, status, up):
    command.register(APP)

NOBODY = "http://127.0.0.1:9"  # the discard port, where nothing listens


def quorum(*arguments: str | Path, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(APP, [str(argument) for argument in arguments], input=stdin, catch_exceptions=False)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.png"
    path.write_bytes(b"an image")
    return path


def test_read_prints_the_text_and_nothing_else(page: Path) -> None:
    with listening(FakeService()) as url:
        result = quorum("read", page, "--url", url)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Hello,\nworld\n", "")


def test_read_tells_several_files_apart(page: Path) -> None:
    with listening(FakeService()) as url:
        result = quorum("read", page, page, "--url", url)
    assert result.stdout == f"==> {page} <==\nHello,\nworld\n" * 2


def test_read_as_json_prints_one_whole_answer_a_line(page: Path) -> None:
    with listening(FakeService()) as url:
        result = quorum("read", page, page, "--format", "json", "--url", url)
    answers = [TextAnswer.model_validate_json(line) for line in result.stdout.splitlines()]
    assert answers == [text_answer(), text_answer()]


def test_read_explains_the_words_that_engines_read_differently(page: Path) -> None:
    alike = WordAnswer(text="Hello,", confidence=0.9, polygon=None, votes={"tesseract": "Hello,", "trocr": "Hello,"})
    differing = WordAnswer(text="world", confidence=0.6, polygon=None, votes={"tesseract": "world", "trocr": ""})
    line = LineAnswer(
        text="Hello, world", confidence=0.8, polygon=((0, 0),) * 4, block=0, words=[alike, differing], readings={}
    )
    service = FakeService({"/predict_text": text_answer().model_copy(update={"lines": [line]})})
    with listening(service) as url:
        result = quorum("read", page, "--explain", "--url", url)
    assert service.last.url.params["explain"] == "true"
    [head, row] = result.stdout.splitlines()[-2:]
    assert head.split() == ["word", "confidence", "tesseract", "trocr"]
    assert row.split() == ["world", "0.60", "world", "nothing"]


def test_read_explains_where_the_time_went(page: Path) -> None:
    parts = [
        TimedPart(name="ensemble", where="Router", depth=0, start_ms=0.0, duration_ms=30.0, critical=False),
        TimedPart(name="fusion", where="Router", depth=1, start_ms=0.0, duration_ms=30.0, critical=True),
        TimedPart(name="render", where="Gateway", depth=0, start_ms=30.0, duration_ms=12.0, critical=True),
    ]
    answer = text_answer().model_copy(update={"timings": Timings(wall_ms=42.0, parts=parts)})
    with listening(FakeService({"/predict_text": answer})) as url:
        result = quorum("read", page, "--explain", "--url", url)
    rows = [row.split() for row in result.stdout.splitlines()[-3:]]
    assert rows == [["30.0", "fusion", "Router"], ["12.0", "render", "Gateway"], ["42.0", "together"]]


def test_read_writes_another_format_byte_for_byte(page: Path) -> None:
    service = FakeService({"/predict_text": httpx.Response(200, content=b"%PDF-1.7\n\x00\xff")})
    with listening(service) as url:
        result = quorum("read", page, "--format", "pdf", "--url", url)
    assert result.stdout_bytes == b"%PDF-1.7\n\x00\xff"
    assert service.last.url.params["format"] == "pdf"


def test_read_takes_one_file_at_a_time_for_a_format_that_cannot_be_joined(page: Path) -> None:
    assert quorum("read", page, page, "--format", "pdf").exit_code == 2


def test_read_takes_an_image_from_stdin() -> None:
    service = FakeService()
    with listening(service) as url:
        quorum("read", "-", "--url", url, stdin=b"piped")
    assert service.last.content == b"piped"


def test_read_passes_its_options_on(page: Path) -> None:
    service = FakeService()
    with listening(service) as url:
        quorum("read", page, "--url", url, "--profile", "printed", "--engines", "tesseract, trocr", "--timeout-s", "5")
    assert dict(service.last.url.params) == {"profile": "printed", "engines": "tesseract,trocr", "timeout_s": "5.0"}


def test_read_and_batch_offer_every_option_of_a_request() -> None:
    app = typer.Typer()
    for command in (read, batch):
        command.register(app)
    group = typer.main.get_command(app)
    for name in ("read", "batch"):
        offered = {parameter.name for parameter in group.commands[name].params}  # type: ignore[attr-defined]
        assert DocumentOptions.model_fields.keys() <= offered


@pytest.mark.parametrize(
    ("words", "flag"),
    [(["--pages", "two"], "--pages"), (["--dpi", "9"], "--dpi"), (["--timeout-s", "x"], "--timeout-s")],
)
def test_an_option_that_is_not_allowed_is_named_before_anything_is_sent(
    page: Path, words: list[str], flag: str
) -> None:
    service = FakeService()
    with listening(service) as url:
        result = quorum("read", page, "--url", url, *words)
    assert result.exit_code == 2
    assert flag in result.stderr
    assert service.asked == []


def test_read_asks_for_pages_of_any_file_when_some_are_named(page: Path) -> None:
    service = BookService(pages=3, max_pages=100)
    with listening(service) as url:
        result = quorum("read", page, "--url", url, "--pages", "2-3")
    assert result.stdout == "page 2\n\npage 3\n"


@pytest.mark.parametrize("form", ["text", "json", "markdown", "hocr", "alto", "page", "pdf"])
def test_read_reads_a_long_document_in_parts_in_every_format(tmp_path: Path, form: str) -> None:
    book = tmp_path / "book.pdf"
    book.write_bytes(b"%PDF-1.7")
    service = BookService(pages=101, max_pages=40)
    with listening(service) as url:
        result = quorum("read", book, "--format", form, "--url", url)
    assert result.exit_code == 0
    assert _pages_in(form, result.stdout_bytes) == list(range(1, 102))


def _pages_in(form: str, written: bytes) -> list[int]:
    if form == "page":
        names = zipfile.ZipFile(io.BytesIO(written)).namelist()
        return [int(name.removeprefix("page-").removesuffix(".xml")) for name in names]
    if form == "pdf":
        return [int(number) for number in written.split(b"+")[1:]]
    if form == "alto":
        words = etree.fromstring(written).findall(".//{*}Page//{*}String")
        return [int(word.get("CONTENT", "")) for word in words if word.get("CONTENT") != "page"]
    if form == "markdown":
        return [int(number) for number in re.findall(r"(?m)^page (\d+)$", written.decode())]
    said = written.decode() if form in ("text", "json") else "".join(etree.fromstring(written).itertext())
    if form == "json":
        said = DocumentAnswer.model_validate_json(said).text
    return [int(number) for number in re.findall(r"page\s+(\d+)", said)]


def test_read_names_a_file_whose_name_is_not_utf_8(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"\xe9t\xe9\x1b[2J.png")
    odd.write_bytes(b"an image")
    with listening(FakeService()) as url:
        result = quorum("read", odd, odd, "--url", url)
    assert f"==> {tmp_path}/\\xe9t\\xe9\\x1b[2J.png <==" in result.stdout


def test_read_names_the_file_that_is_missing_and_reads_the_others(page: Path, tmp_path: Path) -> None:
    with listening(FakeService()) as url:
        result = quorum("read", tmp_path / "nowhere.png", page, "--url", url)
    assert result.exit_code == 1
    assert "nowhere.png: No such file" in result.stderr.replace("\n", "")
    assert "Hello," in result.stdout


def test_read_says_what_the_service_says_and_what_to_do(page: Path) -> None:
    with listening(FakeService({"/predict_text": NotAnImage("this is a [b]text[/b]", "send a PNG")})) as url:
        result = quorum("read", page, "--url", url)
    assert result.exit_code == 1
    assert "page.png: this is a [b]text[/b]\n  send a PNG\n" in result.stderr


def test_read_without_a_service_names_the_address_and_the_remedy(page: Path) -> None:
    result = quorum("read", page, "--url", NOBODY)
    assert result.exit_code == 1
    assert NOBODY in result.stderr
    assert "quorum up" in result.stderr


def test_status_shows_engines_and_parts() -> None:
    with listening(FakeService()) as url:
        result = quorum("status", "--url", url)
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["tesseract", "available", "1.5", "120", "-", "tesseract@1"] in lines
    assert ["trocr", "unavailable", "1.5", "120", "-", "no", "model", "is", "bundled"] in lines
    assert ["Gateway", "healthy", "1"] in lines


def test_status_fails_when_an_engine_holds_a_card_and_does_not_read() -> None:
    answer = status_answer(available=("tesseract",))
    idle = answer.engines["trocr"].model_copy(update={"gpu_fraction": 0.3, "detail": "torch sees no CUDA card"})
    told = answer.model_copy(update={"engines": {**answer.engines, "trocr": idle}})
    with listening(FakeService({"/status": told})) as url:
        result = quorum("status", "--url", url)
    assert result.exit_code == 1
    assert "trocr has 0.3 of a card but cannot read: torch sees no CUDA card" in result.stderr


def test_status_as_json_is_the_whole_answer() -> None:
    with listening(FakeService()) as url:
        result = quorum("status", "--format", "json", "--url", url)
    assert StatusAnswer.model_validate_json(result.stdout) == status_answer()


def test_status_of_a_service_that_is_not_ready_fails_but_shows_it() -> None:
    with listening(FakeService({"/status": status_answer("not_ready")})) as url:
        result = quorum("status", "--url", url)
    assert result.exit_code == 1
    assert "not_ready" in result.stdout


def config_file(folder: Path, **changes: Any) -> Path:
    application = {"name": "quorum", "import_path": "deployments.app:build", "args": {}, **changes}
    path = folder / "config.yaml"
    path.write_text(json.dumps({"applications": [application]}))  # JSON is YAML
    return path


class FakeCluster:
    """A cluster on which everything is as it will be."""

    logs = Path("/somewhere/logs")
    environment = MappingProxyType({"RAY_ADDRESS": "127.0.0.1:6379"})

    def __init__(self, status: Any) -> None:
        self._status = status

    def snapshot(self) -> ApplicationSnapshot:
        healthy = {name: DeploymentState("HEALTHY") for name in ("Gateway", "tesseract", "trocr")}
        return ApplicationSnapshot("RUNNING", "", healthy, self._status())


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replaces the cluster and the checks of this machine; says what was started and stopped, and where."""
    events: list[str] = []

    @contextmanager
    def local_cluster(_config: object, *, host: str, port: int, status: Any) -> Iterator[FakeCluster]:
        events.append(f"start on {host}")
        try:
            yield FakeCluster(status)
        finally:
            events.append("stop")

    monkeypatch.setattr(up, "local_cluster", local_cluster)
    monkeypatch.setattr(up.preflight, "machine", lambda **_what: [])
    return events


def demonstrate(service: FakeService, folder: Path, page: Path) -> Result:
    with listening(service) as url:
        port = url.rpartition(":")[2]
        return quorum("up", "--demo", "--port", port, "--config", config_file(folder), "--sample", page)


def test_a_demonstration_shows_the_warm_up_the_text_and_every_engine(
    machine: list[str], tmp_path: Path, page: Path
) -> None:
    result = demonstrate(FakeService({"/predict_text": text_answer(engines=("tesseract",))}), tmp_path, page)
    assert result.exit_code == 0
    assert "tesseract is ready: tesseract@1" in result.stdout
    assert "trocr is unavailable: no model is bundled" in result.stdout
    assert "\nHello,\nworld\n" in result.stdout
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["tesseract", "ok", "12", "0.90", "tesseract@1", "Hello,", "/", "world"] in lines
    assert ["trocr", "unavailable", "no", "model", "is", "bundled"] in lines
    assert machine == ["start on 127.0.0.1", "stop"]


def test_a_demonstration_in_which_no_engine_read_fails(machine: list[str], tmp_path: Path, page: Path) -> None:
    result = demonstrate(FakeService({"/predict_text": text_answer("", engines=())}), tmp_path, page)
    assert result.exit_code == 1
    assert machine[-1] == "stop"


def test_a_demonstration_in_which_the_page_is_not_read_fails_with_the_reason(
    machine: list[str], tmp_path: Path, page: Path
) -> None:
    result = demonstrate(FakeService({"/predict_text": InternalFailure("it broke", "see the log")}), tmp_path, page)
    assert result.exit_code == 1
    assert "it broke" in result.stderr
    assert machine[-1] == "stop"


def test_what_is_said_of_the_first_engines_names_those_that_read_and_those_that_do_not_yet() -> None:
    answer = status_answer("degraded", available=("tesseract", "paddleocr"))
    starting = answer.engines["trocr"].model_copy(update={"detail": "starting"})
    missing = answer.engines["trocr"].model_copy(update={"detail": "no model is bundled"})
    engines = {**answer.engines, "trocr": starting, "easyocr": missing}
    said = up.first_engines("http://127.0.0.1:8000", answer.model_copy(update={"engines": engines}))
    assert said.startswith("http://127.0.0.1:8000 reads already, with tesseract, paddleocr.")
    assert said.endswith("degraded until these are warm too: trocr")


def test_up_serves_until_it_is_interrupted(
    machine: list[str], tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(up, "_serve_on", interrupt)
    monkeypatch.setattr(up, "warm_up", lambda *_arguments, **_options: None)
    monkeypatch.setattr(up, "_read_sample", lambda *_arguments: True)
    result = quorum("up", "--port", "8123", "--config", config_file(tmp_path), "--sample", page)
    assert result.exit_code == 0
    assert "serving on http://127.0.0.1:8123" in result.stdout
    assert machine[-1] == "stop"


def test_up_interrupted_before_it_serves_says_so(
    machine: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(up, "warm_up", interrupt)
    result = quorum("up", "--config", config_file(tmp_path))
    assert result.exit_code == 130
    assert machine[-1] == "stop"


def test_up_on_a_port_that_is_taken_starts_nothing_and_names_another(tmp_path: Path) -> None:
    with listening(FakeService()) as url:
        port = int(url.rpartition(":")[2])
        result = quorum("up", "--port", str(port), "--config", config_file(tmp_path))
    assert result.exit_code == 1
    assert f"--port {port + 1}" in result.stderr


@pytest.mark.parametrize(
    "content",
    [
        "applications: []",
        "- a list",
        "applications: [{args: {unknown: 1}}]",
        "{",
        "applications: [{args: {engines: 7}}]",
    ],
)
def test_a_configuration_that_is_none_is_refused_by_its_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(content)
    result = quorum("up", "--config", path)
    assert result.exit_code == 1
    assert "is not a configuration of Quorum" in result.stderr


def test_a_configuration_that_is_missing_is_named(tmp_path: Path) -> None:
    result = quorum("up", "--config", tmp_path / "nowhere.yaml")
    assert result.exit_code == 1
    assert "nowhere.yaml" in result.stderr


def test_the_environment_is_laid_over_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_DIR", "/models")
    _, settings = up.read_config(config_file(tmp_path, args={"engines": [{"name": "tesseract"}], "ready_engines": 1}))
    assert settings.model_dir == Path("/models")
    assert [engine.name for engine in settings.engines] == ["tesseract"]


def test_a_wrong_variable_of_the_environment_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TIMEOUT", "soon")
    with pytest.raises(OutOfRange, match="API_TIMEOUT"):
        up.read_config(config_file(tmp_path))
