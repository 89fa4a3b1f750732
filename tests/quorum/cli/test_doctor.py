"""`quorum doctor` and `quorum down` as a person types them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import typer
from typer.testing import CliRunner, Result

from cluster.local.hosts import free_port
from cluster.preflight import Finding, Verdict, card, framework
from ocr.errors import EngineUnavailable
from quorum.cli import doctor, down

APP = typer.Typer()
for command in (doctor, down):
    command.register(APP)


def quorum(*arguments: object) -> Result:
    return CliRunner().invoke(APP, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODEL_DIR", "CACHE_DIR", "STATE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.chdir(tmp_path)


def config(folder: Path, *, model: str = "bundled", gpu: float = 0.0, told: float | None = None) -> Path:
    told = gpu if told is None else told
    path = folder / "config.yaml"
    path.write_text(
        f"""
applications:
  - name: quorum
    import_path: deployments.app:build
    args: {{ready_engines: 1, engines: [{{name: emnist_cnn, model: {model}, gpu: {told}}}]}}
    deployments: [{{name: emnist_cnn, ray_actor_options: {{num_gpus: {gpu}}}}}]
"""
    )
    return path


def test_a_machine_with_all_that_is_needed_can_start(tmp_path: Path) -> None:
    result = quorum("doctor", "--config", config(tmp_path), "--port", free_port())
    assert result.exit_code == 0, result.output
    assert "the cluster can start" in result.stdout
    assert "bundled/emnist_cnn" in result.stdout


def test_a_model_that_is_missing_is_named_with_its_remedy_and_the_rest_can_start(tmp_path: Path) -> None:
    result = quorum("doctor", "--config", config(tmp_path, model="absent"), "--port", free_port())
    assert result.exit_code == 0, result.output
    assert "or the path of a model" in result.stdout


def test_a_fraction_of_a_card_that_is_not_here_fails_loudly() -> None:
    def none() -> int:
        raise EngineUnavailable("no NVIDIA driver on this node", "x")

    found = card({"trocr": 0.3, "easyocr": 0.2}, none)
    assert found.verdict is Verdict.FAILED
    assert "trocr 0.3, easyocr 0.2" in found.detail
    assert "serve_config.cpu.yaml" in found.remedy


def test_fractions_are_added_up_over_cards() -> None:
    found = card({"trocr": 0.3, "easyocr": 0.2}, lambda: 80_000_000_000)
    assert found == Finding("GPU", Verdict.OK, "80 GB; trocr 0.3, easyocr 0.2 fill 0.50 cards")


def test_a_fraction_that_the_engine_and_ray_are_told_differently_fails(tmp_path: Path) -> None:
    result = quorum("doctor", "--config", config(tmp_path, gpu=0.3, told=0.2), "--port", free_port())
    assert result.exit_code == 1
    assert "gpu 0.2" in result.stdout
    assert "num_gpus 0.3" in result.stdout


@pytest.mark.parametrize(
    ("ended", "verdict"),
    [
        (CompletedProcess((), 0, "", ""), Verdict.OK),
        (
            CompletedProcess((), 1, "", "Traceback:\nocr.errors.EngineUnavailable: TensorFlow 2.21 sees no GPU"),
            Verdict.FAILED,
        ),
    ],
)
def test_each_framework_is_asked_in_the_environment_of_its_deployment(
    ended: CompletedProcess[str], verdict: Verdict
) -> None:
    asked: list[Sequence[str]] = []

    def run(command: Sequence[str], **_: object) -> CompletedProcess[str]:
        asked.append(command)
        return ended

    found = framework("emnist_cnn", "/opt/tensorflow/bin/python", run=run)
    assert found.verdict is verdict
    assert (asked[0][0], asked[0][-1]) == ("/opt/tensorflow/bin/python", "emnist_cnn")
    assert ended.stderr.partition("Unavailable: ")[2] in found.detail


def test_down_says_that_nothing_runs_there() -> None:
    result = quorum("down", "--port", 8123)
    assert result.exit_code == 1
    assert "port 8123" in result.stderr
