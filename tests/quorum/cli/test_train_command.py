"""`quorum train easyocr` and `trocr`: what is typed reaches the run, what it finds is told, what is wrong is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from quorum.cli import train
from training.lines.batches import Shares

APP = typer.Typer()
train.register(APP)


def quorum(*arguments: str | Path) -> Result:
    return CliRunner().invoke(APP, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the run of either model was asked for."""
    asked: dict[str, Any] = {}

    def run(origins: Any, recipe: Any, run_folder: Path, model_folder: Path, **rest: Any) -> dict[str, float]:
        asked.update(rest, origins=origins, recipe=recipe, run_folder=run_folder, model_folder=model_folder)
        return {"letters": 0.0412}

    monkeypatch.setattr("training.lines.ctc.run.train_model", run)
    monkeypatch.setattr("training.lines.trocr.run.train_model", run)
    monkeypatch.setattr("training.lines.ctc.handwriting_run.train_model", run)
    return asked


def test_the_handwriting_network_starts_from_the_bundled_one_and_learns_from_no_print(asked: dict[str, Any]) -> None:
    quorum("train", "handwriting", "--pages", "a", "--fonts", "b", "--real-share", "0.7")
    assert (asked["start_from"].name, asked["origins"].fonts) == ("handwriting", Path("b"))
    assert asked["origins"].shares == Shares(real=0.7, handwritten=1.0)
    assert asked["recipe"].height_px == 40


@pytest.mark.parametrize("model", ["easyocr", "trocr"])
def test_what_is_typed_reaches_the_run_and_its_figures_are_told(model: str, asked: dict[str, Any]) -> None:
    typed = ["--lines", "90", "--threads", "1", "--start-from", "old", "--model-version", "3", "--out", "new"]
    result = quorum("train", model, "--pages", "a", "--pages", "b", "--real-share", "0.5", "--emphasis", "b=3", *typed)
    assert result.exit_code == 0
    assert "letters: 4.12% character errors on test lines" in result.stdout
    assert "model written to new" in result.stdout
    assert asked["origins"].pages == (Path("a"), Path("b"))
    assert asked["origins"].shares == Shares(real=0.5, emphasis={"b": 3.0})
    assert (asked["recipe"].lines, asked["recipe"].threads) == (90, 1)
    assert (asked["start_from"], asked["version"], asked["model_folder"]) == (Path("old"), "3", Path("new"))


def test_the_line_writer_stands_on_the_bundled_line_network_unless_told(asked: dict[str, Any]) -> None:
    quorum("train", "trocr", "--pages", "a", "--frozen-lines", "5")
    assert (asked["ctc_from"].name, asked["recipe"].frozen_lines) == ("easyocr", 5)
    quorum("train", "trocr", "--pages", "a", "--ctc-from", "mine")
    assert asked["ctc_from"] == Path("mine")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("--lines", "0"), "lines is 0; expected at least 1"),
        (("--real-share", "1.5"), "expected 0 <= real_share < 1"),
        (("--emphasis", "letters"), "--emphasis letters is not FOLDER=TIMES"),
    ],
)
def test_what_cannot_be_is_refused_by_name(typed: tuple[str, ...], said: str) -> None:
    result = quorum("train", "easyocr", "--pages", "a", *typed)
    assert result.exit_code != 0
    assert said in result.output
