"""Live configuration, metrics and logs of a real local cluster, while the processes behind them die."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import psutil
import pytest
import typer
from typer.testing import CliRunner

from cluster.local.application_processes import components_among
from cluster.local.processes import children
from deployments.config.api_keys import hashed
from deployments.observability.metrics_page import sum_pages
from fusion.profiles.profile_document import BUNDLED, LANGUAGES_FILE
from ocr.contract import ConfigAnswer, LogsAnswer, PerformanceAnswer, SelfTestAnswer, TextAnswer
from quorum.cli import config as config_command

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

ENGINES = ("steady", "agreeing")
REPORT_S = 3.0  # how often what was counted is told, as conftest.py sets it
DEPLOYMENTS = {"Gateway", "Router", "Segmentation", "JobWorker", *ENGINES}
CONFIG = {
    "engines": [{"name": f"tests.fakes.{name}"} for name in ENGINES],
    "limits": {"timeout_s": 20.0},
    "security": {"admin_api_keys": [hashed("boss")]},
}


def _page() -> bytes:
    picture = PIL.Image.new("RGB", (400, 120), "white")
    PIL.ImageDraw.Draw(picture).text((20, 30), "some words", fill="black", font=PIL.ImageFont.load_default(36))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


PAGE = _page()
COMMANDS = typer.Typer()
config_command.register(COMMANDS)


@pytest.fixture(scope="module")
def url(serving: Callable[[dict[str, Any]], str]) -> str:
    return serving(CONFIG)


@pytest.fixture
def admin(url: str) -> Any:
    with httpx.Client(base_url=url, headers={"X-API-Key": "boss"}, timeout=60) as client:
        yield client


def configuration(admin: httpx.Client) -> ConfigAnswer:
    response = admin.get("/config")
    assert response.status_code == 200, response.text
    return ConfigAnswer.model_validate(response.json())


def change(admin: httpx.Client, document: dict[str, Any]) -> ConfigAnswer:
    response = admin.put("/config", json=document)
    assert response.status_code == 200, response.text
    return ConfigAnswer.model_validate(response.json())


def read(admin: httpx.Client) -> tuple[TextAnswer, str]:
    """The answer, and the id of the request."""
    response = admin.post("/predict_text", content=PAGE, headers={"content-type": "image/png"})
    assert response.status_code == 200, response.text
    [request_id] = response.headers.get_list("x-request-id")
    return TextAnswer.model_validate(response.json()), request_id


def eventually(found: Callable[[], Any], within_s: float = 60.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (result := found()):
        assert time.monotonic() < deadline, "not within the time given"
        time.sleep(0.3)
    return result


def process_of(part: str) -> psutil.Process:
    [process] = [process for found, process in components_among(children()) if found == part]
    return process


def kill(process: psutil.Process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=20)


def took(admin: httpx.Client, version: int) -> dict[str, float]:
    """When each deployment said that this version is in force, in epoch seconds."""
    records = LogsAnswer.model_validate(admin.get("/logs?limit=1000").json()).records
    wanted = f"version {version} of the live configuration is in force"
    return {record.component: record.time.timestamp() for record in records if record.message == wanted}


def test_a_change_reaches_every_replica_within_five_seconds_and_answers_name_it(admin: httpx.Client) -> None:
    answer = change(admin, {"method": "majority_voting"})
    assert (read(admin)[0].config_version, read(admin)[0].method) == (answer.version, "majority_voting")
    assert answer.changed_at is not None
    reached = eventually(lambda: found if set(found := took(admin, answer.version)) >= DEPLOYMENTS else None)
    assert all(moment - answer.changed_at.timestamp() < 5.0 for moment in reached.values()), reached


def test_a_change_survives_the_death_of_its_store_and_the_next_one_is_made(admin: httpx.Client) -> None:
    before = change(admin, {"profile": "printed"})
    kill(process_of("SharedActor"))
    assert read(admin)[0].config_version == before.version  # reading needs no store
    after = change(admin, {"profile": "general"})  # waits for the store to come back
    assert after.version == before.version + 1
    assert read(admin)[0].profile == "general"


def _profiles_that_are(sure: float, path: Path) -> Path:
    """A document of tuned profiles of the engines here, under which the vote is as sure as this, in log-odds."""
    content = json.loads(BUNDLED.read_text(encoding="utf-8"))
    shutil.copy(BUNDLED.parent / LANGUAGES_FILE, path.parent / LANGUAGES_FILE)
    for profile in content["profiles"].values():
        profile |= {"weights": dict.fromkeys((*ENGINES, "spelling"), 1.0), "cascade": None, "words": None}
        profile["assurance"] = [sure, 0.0, 0.0]
    path.write_text(json.dumps({**content, "models": {}}), encoding="utf-8")
    return path


def test_tuned_profiles_come_into_force_and_are_taken_back_without_a_restart(
    admin: httpx.Client, tmp_path: Path
) -> None:
    change(admin, {})
    router, before = process_of("Router"), read(admin)[0].confidence
    doubtful = _profiles_that_are(0.0, tmp_path / "reviews-1.json")
    sure = _profiles_that_are(3.0, tmp_path / "reviews-2.json")
    for document, wanted in ((doubtful, 0.5), (sure, 0.9526)):
        change(admin, {"tuned": str(document)})
        assert read(admin)[0].confidence == pytest.approx(wanted, abs=1e-3)
    change(admin, {})
    assert read(admin)[0].confidence == before
    assert process_of("Router") == router


def test_a_replica_that_is_replaced_begins_under_the_version_in_force(admin: httpx.Client) -> None:
    version = change(admin, {"profile": "printed"}).version
    kill(process_of("Gateway"))

    def answered() -> TextAnswer | None:
        try:
            return read(admin)[0]
        except (httpx.TransportError, AssertionError):
            return None

    answer = eventually(answered)
    assert (answer.config_version, answer.profile) == (version, "printed")


def test_a_change_survives_a_redeploy(admin: httpx.Client, serving: Callable[[dict[str, Any]], str]) -> None:
    version = change(admin, {"profile": "general", "limits": {"max_batch": 5}}).version
    serving({**CONFIG, "limits": {"timeout_s": 19.0}})
    now = configuration(admin)
    assert (now.version, now.problem) == (version, "")
    assert now.values["limits.max_batch"].value == 5
    assert now.values["limits.timeout_s"].value == 19.0
    assert read(admin)[0].profile == "general"


def test_metrics_of_the_whole_cluster_are_on_one_page(admin: httpx.Client) -> None:
    read(admin)
    names = (
        "ray_ocr_requests_total",
        "ray_ocr_request_seconds_bucket",
        "ray_ocr_engine_outcomes_total",
        "ray_ocr_engine_seconds_count",
        "ray_ocr_engine_readings_total",
        "ray_ocr_confidence_bucket",
        "ray_ocr_answers_total",
        "ray_ocr_fusion_seconds_count",
        "ray_ocr_batch_crops_bucket",
        "ray_ocr_queue_crops",
        "ray_ocr_model_load_seconds",
        "ray_ocr_replica_memory_bytes",
        "ray_ocr_config_version",
    )

    def missing(page: str) -> list[str]:
        memory = [line for line in page.splitlines() if line.startswith("ray_ocr_replica_memory_bytes{")]
        silent = [name for name in DEPLOYMENTS if not any(f'deployment="{name}"' in line for line in memory)]
        return [name for name in names if f"\n{name}{{" not in page] + silent

    # Agents are told every few seconds, each replica's at its own time.
    page = eventually(lambda: text if not missing(text := admin.get("/metrics").text) else None)
    assert "WorkerId" not in page
    assert "SessionName" not in page


def agreements(admin: httpx.Client) -> dict[str, float]:
    """How often what "steady" said was taken, and was not, since Ray was started: other applications count too."""
    family = sum_pages([admin.get("/metrics").text]).get("ray_ocr_engine_readings")
    counts: dict[str, float] = {}
    for labels, value in family.series("_total") if family else ():
        if labels["engine"] == "steady":
            counts[labels["agrees"]] = counts.get(labels["agrees"], 0.0) + value
    return counts


def at_rest(admin: httpx.Client) -> dict[str, float]:
    """The same once it stays the same for longer than it takes to be reported: then all that was counted is there."""
    told = [agreements(admin)]
    deadline = time.monotonic() + 60
    while told[-2:] != [told[-1]] * 2:
        assert time.monotonic() < deadline, told
        time.sleep(1.5 * REPORT_S)
        told.append(agreements(admin))
    return told[-1]


def test_the_performance_is_what_was_read_to_the_last_request(admin: httpx.Client) -> None:
    before = at_rest(admin)
    for _ in range(5):
        read(admin)
    wanted = before.get("yes", 0.0) + 5.0
    eventually(lambda: agreements(admin).get("yes", 0.0) >= wanted)
    after = at_rest(admin)
    assert after == {**before, "yes": wanted}
    seen = PerformanceAnswer.model_validate(admin.get("/performance").json())
    assert seen.engines["steady"].agreement == after["yes"] / sum(after.values())
    assert seen.routes["/predict_text"].by_status["200"] >= 5


def test_the_command_changes_a_running_cluster_and_shows_it(admin: httpx.Client, tmp_path: Path) -> None:
    def quorum(*words: str) -> str:
        done = CliRunner().invoke(COMMANDS, ["config", *words, "--url", str(admin.base_url), "--api-key", "boss"])
        assert done.exit_code == 0, done.output
        return " ".join(done.output.split())

    quorum("reset")
    quorum("set", "method=majority_voting", "limits.max_batch=7")
    assert (read(admin)[0].method, configuration(admin).values["limits.max_batch"].value) == ("majority_voting", 7)
    quorum("weights", "steady=0.7", "agreeing=0.3", "--profile", "printed")
    assert configuration(admin).live["profiles"] == {"printed": {"steady": 0.7, "agreeing": 0.3}}
    (tmp_path / "live.yaml").write_text("profile: printed\n")
    quorum("put", str(tmp_path / "live.yaml"))
    assert configuration(admin).live == {"profile": "printed"}
    assert "profile printed live" in quorum("show", "profile")
    refused = CliRunner().invoke(COMMANDS, ["config", "show", "--url", str(admin.base_url)])
    assert (refused.exit_code, "API key" in refused.output) == (1, True)
    quorum("reset")
    assert configuration(admin).live == {}


def test_logs_tell_of_a_request_on_every_node_and_recognised_text_only_when_it_is_asked_for(
    admin: httpx.Client,
) -> None:
    answer, request_id = read(admin)
    assert answer.text == "steady"

    def records(which: str) -> Any:
        found = LogsAnswer.model_validate(admin.get(f"/logs?component=Router&request_id={which}").json())
        assert (found.nodes, found.missing_nodes) == (1, [])
        return found.records

    [record] = eventually(lambda: records(request_id))
    assert record.fields["engines"] == dict.fromkeys(ENGINES, "ok")
    assert "steady" not in record.message
    assert record.fields["text"].startswith("[hidden")
    change(admin, {"log_text": True})
    eventually(lambda: "Router" in took(admin, configuration(admin).version))
    _, request_id = read(admin)
    [record] = eventually(lambda: records(request_id))
    assert record.fields["text"] == "steady"
    change(admin, {})


def test_the_id_that_a_caller_gives_is_in_the_records_of_every_part_that_its_request_passes(
    admin: httpx.Client,
) -> None:
    headers = {"content-type": "image/png", "x-request-id": "my-own-id", "idempotency-key": "my-own-key"}
    response = admin.post("/predict_text", content=PAGE, headers=headers)
    assert response.headers.get_list("x-request-id") == ["my-own-id"]

    def passed() -> bool:
        found = LogsAnswer.model_validate(admin.get("/logs?request_id=my-own-id").json()).records
        return {record.component for record in found} >= DEPLOYMENTS - {"JobWorker"}  # it reads pages of jobs alone

    eventually(passed)


def spans_of(trace_id: str) -> dict[str, dict[str, Any]]:
    """What was written of one trace: spans by their ids, without any that is half written."""
    import ray

    found = {}
    folder = Path(ray._private.worker._global_node.get_session_dir_path()) / "logs" / "serve" / "spans"
    for file in folder.glob("*.jsonl"):
        for text in file.read_text().splitlines():
            with suppress(ValueError):
                span = json.loads(text)
                if span["context"]["trace_id"] == f"0x{trace_id}":
                    found[span["context"]["span_id"]] = span
    return found


def ancestors(span: dict[str, Any], spans: dict[str, dict[str, Any]]) -> list[str]:
    names = []
    while span := spans.get(span["parent_id"], {}):
        names.append(span["name"])
    return names


def test_a_traced_request_is_one_trace_from_the_gateway_to_the_batches_of_the_engines(admin: httpx.Client) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"content-type": "image/png", "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    assert admin.post("/predict_text", content=PAGE, headers=headers).status_code == 200

    def batches() -> Any:
        spans = spans_of(trace_id)
        read = [ancestors(span, spans) for span in spans.values() if span["name"] == "read batch"]
        is_all = len(read) == len(ENGINES) and any("proxy" in span["name"] for span in spans.values())
        return (spans, read) if is_all else None

    spans, read = eventually(batches)
    names = {span["name"] for span in spans.values()}
    assert {"fuse", *(f"ask {engine}" for engine in ENGINES)} <= names
    assert any("Gateway" in name for name in names)
    assert any("Segmentation page" in name for name in names)
    for above in read:
        order = [next(at for at, name in enumerate(above) if part in name) for part in ("ask ", "Router", "POST")]
        assert order == sorted(order), above


def test_the_self_test_goes_through_the_whole_cluster(admin: httpx.Client) -> None:
    answer = SelfTestAnswer.model_validate(admin.post("/test", json={"samples": 5}).json())
    assert (answer.answered, answer.succeeded) == (5, 0)  # the engines say "steady" to everything
    assert answer.average_confidence is not None
