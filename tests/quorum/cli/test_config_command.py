"""`quorum config` as an administrator types it."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ocr.errors import ConnectionBroken, Forbidden, Outdated, OutOfRange
from quorum.cli import config, status
from quorum.client import Client, Retries
from tests.fakes.service import FakeService, listening

APP = typer.Typer()
for command in (config, status):
    command.register(APP)


def quorum(service: FakeService, *arguments: str | Path, stdin: str = "") -> Result:
    with listening(service) as url:
        words = ["config", *map(str, arguments), "--url", url, "--api-key", "secret"]
        return CliRunner().invoke(APP, words, input=stdin, catch_exceptions=False)


def test_values_are_shown_with_the_layer_that_they_come_from() -> None:
    result = quorum(FakeService(), "show")
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["limits.timeout_s", "20.0", "live"] in rows
    assert ["redis_url", "***", "environment", "when", "deployed"] in rows
    assert "version 3" in result.stdout
    assert "redis_url" not in quorum(FakeService(), "show", "limits").stdout


def test_setting_a_value_keeps_the_others_and_names_the_version_that_was_looked_at() -> None:
    service = FakeService()
    assert quorum(service, "set", "profile=forms", "limits.max_batch=8").exit_code == 0
    assert service.last.method == "PUT"
    assert service.last_json() == {"limits": {"timeout_s": 20.0, "max_batch": 8}, "profile": "forms"}
    assert service.last.headers["If-Match"] == '"3"'
    assert service.last.headers["X-API-Key"] == "secret"


def test_weights_of_one_profile_are_set() -> None:
    service = FakeService()
    quorum(service, "weights", "tesseract=0.7", "paddleocr=0.3", "--profile", "printed")
    assert service.last.url.path == "/config/weights"
    assert service.last_json() == {"weights": {"tesseract": 0.7, "paddleocr": 0.3}, "profile": "printed"}


def test_a_file_replaces_the_live_layer_and_reset_empties_it(tmp_path: Path) -> None:
    service = FakeService()
    (tmp_path / "live.yaml").write_text("method: majority_voting\n")
    quorum(service, "put", tmp_path / "live.yaml")
    assert service.last_json() == {"method": "majority_voting"}
    quorum(service, "put", "-", stdin='{"profile": "forms"}')
    assert service.last_json() == {"profile": "forms"}
    quorum(service, "reset")
    assert service.last_json() == {}


@pytest.mark.parametrize("setting", ["profile", "=x", "limits.timeout_s.deeper=1"])
def test_a_setting_that_sets_nothing_is_refused_before_anything_is_sent(setting: str) -> None:
    service = FakeService()
    assert quorum(service, "set", setting).exit_code == 1
    assert {request.method for request in service.asked} == {"GET"}


@pytest.mark.parametrize(
    "error", [Forbidden("no", "ask an admin"), Outdated("changed", "look again"), OutOfRange("no")]
)
def test_a_refusal_is_said_with_its_remedy(error: Forbidden | Outdated | OutOfRange) -> None:
    result = quorum(FakeService({"/config": error}), "show")
    assert result.exit_code == 1
    assert error.message in result.stderr
    assert error.hint in result.stderr


def test_a_change_whose_connection_broke_is_not_sent_again() -> None:
    import httpx

    sent: list[httpx.Request] = []

    def broken(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        raise httpx.ReadError("cut")

    client = Client("http://quorum.test", transport=httpx.MockTransport(broken), retries=Retries(first_pause_s=0.0))
    with pytest.raises(ConnectionBroken):
        client.change_config({})
    assert len(sent) == 1
