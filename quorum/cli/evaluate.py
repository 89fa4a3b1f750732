"""`quorum evaluate MODEL`: measure a model on test characters that its training never saw.

    quorum evaluate cnn --collections-dir ../shared/data/characters
    quorum evaluate cnn --model models/emnist_cnn --idx-dir emnist/ --plots plots/ --json figures.json

Collections are cleaned and split as training does it (by hash), so the test part is the same one.

Exit codes: 0 measured; 1 the data or the model is not there; 2 the command was not understood.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quorum.cli.train import Variant
from quorum.terminal import errors_speak, out, table

if TYPE_CHECKING:
    from training.characters.cnn_report import Tested
    from training.characters.collections import Characters

group = typer.Typer(no_args_is_help=True, help="Measure a model or the service.")

BUNDLED = Path("cluster/bundled/emnist_cnn")
ENGINES = "tesseract,paddleocr,easyocr,trocr,emnist_cnn"


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="evaluate")


@group.callback()
def _measure() -> None:
    """Measure a model or the service."""


@group.command()
def pages(
    folders: Annotated[list[Path], typer.Argument(help="Folders of images with truth.jsonl, or of pictures of lines.")],
    engines: Annotated[str, typer.Option(help="Whose readings count, as NAME or NAME=MODEL, with commas.")] = ENGINES,
    splits: Annotated[str, typer.Option(help="Which pages: test, tune, train, with commas.")] = "test",
    views: Annotated[
        str, typer.Option(help="true, found, or found+ANGLE for a page turned by ANGLE degrees, with commas.")
    ] = "true,found",
    profile: Annotated[str, typer.Option(help="Whose weights count.")] = "auto",
    method: Annotated[str, typer.Option(help="How votes are counted.")] = "confidence_weighted",
    tuned: Annotated[str, typer.Option(help="bundled, none, or a document that quorum tune wrote.")] = "bundled",
    readings: Annotated[Path, typer.Option(help="Keeps what was read; a stopped run goes on.")] = Path("runs/readings"),
    url: Annotated[str | None, typer.Option(help="Read by this running service instead, from the page.")] = None,
    own_pipelines: Annotated[
        bool, typer.Option("--own-pipelines", help="Also what each engine's makers ship for whole pages.")
    ] = False,
    limit: Annotated[int | None, typer.Option(help="Only the first pages of each set.")] = None,
    report: Annotated[Path | None, typer.Option(help="Markdown file for all figures.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all figures.")] = None,
    html: Annotated[Path | None, typer.Option(help="File that shows lines, readings and votes in colour.")] = None,
) -> None:
    """Character and word error rates of every engine and of the fusion, with intervals, on labelled pages."""
    from evaluation.accuracy.arguments import run_of
    from evaluation.accuracy.report import summary
    from evaluation.accuracy.run import measure, write

    with errors_speak():
        run = run_of(
            folders, splits, engines, views, profile, method, tuned, readings, limit, url, own_pipelines=own_pipelines
        )
        outcome = measure(run)
        words = ["quorum", "evaluate", "pages", *map(str, folders), "--engines", engines, "--splits", splits]
        words += ["--views", views, "--profile", profile, "--method", method, "--tuned", tuned]
        words += ["--url", url] if url else []
        words += ["--own-pipelines"] * own_pipelines
        words += ["--limit", str(limit)] if limit is not None else []
        write(outcome, shlex.join(words), report, json_file, html)
        for title, heads, rows in summary(outcome.report):
            out().print(table(title, *heads, rows=rows, right=heads))


@group.command()
def characters(
    folder: Annotated[Path, typer.Argument(help="Folder of .npz collections of handwritten characters.")],
    engines: Annotated[str, typer.Option(help="Whose readings count, as NAME or NAME=MODEL, with commas.")] = ENGINES,
    profile: Annotated[str, typer.Option(help="Whose weights count.")] = "auto",
    tuned: Annotated[str, typer.Option(help="bundled, none, or a document that quorum tune wrote.")] = "bundled",
    readings: Annotated[Path, typer.Option(help="Keeps what was read; a stopped run goes on.")] = Path("runs/readings"),
    report: Annotated[Path | None, typer.Option(help="Markdown file for all figures.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all figures.")] = None,
) -> None:
    """How often the vote on a single character is right: printed, photographed, noisy and written by hand."""
    from evaluation.accuracy import character_accuracy
    from evaluation.accuracy.arguments import profile_of, readers_of
    from evaluation.pages.readings import Shelf
    from evaluation.setting import as_table, setting

    with errors_speak():
        readers = readers_of(engines)
        weighing = profile_of(readers, profile, tuned)
        found = character_accuracy.measured(Shelf(readings), readers, folder, weighing)
        words = ["quorum", "evaluate", "characters", str(folder), "--engines", engines]
        words += ["--profile", profile, "--tuned", tuned]
        text = character_accuracy.report(found, weighing, shlex.join(words), as_table(setting()))
        character_accuracy.write(found, text, report, json_file)
        heads, *rows = character_accuracy.rows(found)
        out().print(table("Single characters", *heads[1:], rows=rows, right=heads[1:]))


@group.command()
def cnn(
    model: Annotated[Path, typer.Option(help="Model directory: model.keras and metadata.json.")] = BUNDLED,
    collections_dir: Annotated[Path | None, typer.Option(help="Folder of .npz collections.")] = None,
    idx_dir: Annotated[Path | None, typer.Option(help="Folder of EMNIST or MNIST idx files.")] = None,
    tfds: Annotated[bool, typer.Option("--tfds", help="EMNIST through tensorflow-datasets.")] = False,
    variant: Annotated[Variant, typer.Option(help="Which EMNIST.")] = "byclass",
    held_out_fonts: Annotated[
        bool, typer.Option("--held-out-fonts", help="Also printed characters of fonts that training did not use.")
    ] = False,
    other_digits: Annotated[
        bool, typer.Option("--other-digits", help="Also the digits of scikit-learn, which training did not use.")
    ] = False,
    disturbed: Annotated[bool, typer.Option("--disturbed", help="Also the collections as unusual pictures.")] = False,
    cache_dir: Annotated[Path, typer.Option(help="Prepared and rendered characters.")] = Path("runs/cache"),
    plots: Annotated[Path | None, typer.Option(help="Folder for confusion, reliability and errors.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all figures.")] = None,
    report_file: Annotated[Path | None, typer.Option("--report", help="Markdown file for the report.")] = None,
) -> None:
    """Accuracy, top-3, by kind and class, merged senses and calibration error of the character network."""
    from training.characters.cnn_report import read_model, report, tested, write_plots

    asked = _Asked(model, collections_dir, idx_dir, tfds, variant, held_out_fonts, other_digits, disturbed, cache_dir)
    with errors_speak():
        tests = _tests(asked)
        network, temperatures, about = read_model(model)
        measured = tested(network, temperatures, tests)
        _show(measured)
        if json_file:
            content = {name: found.figures.as_json() for name, found in measured.items()}
            json_file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if report_file:
            from evaluation.setting import as_table, setting

            text = report(measured, about, as_table(setting()), asked.command)
            report_file.write_text(text, encoding="utf-8")
        if plots:
            write_plots(measured, plots)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be measured on what, as it was typed."""

    model: Path
    collections_dir: Path | None
    idx_dir: Path | None
    tfds: bool
    variant: str
    held_out_fonts: bool
    other_digits: bool
    disturbed: bool
    cache_dir: Path

    @property
    def command(self) -> str:
        """The command that measures the same again."""
        words = ["quorum", "evaluate", "cnn", "--model", str(self.model)]
        words += ["--collections-dir", str(self.collections_dir)] if self.collections_dir else []
        words += ["--idx-dir", str(self.idx_dir)] if self.idx_dir else []
        words += ["--tfds"] * self.tfds + ["--variant", self.variant] * bool(self.idx_dir or self.tfds)
        words += ["--held-out-fonts"] * self.held_out_fonts + ["--other-digits"] * self.other_digits
        words += ["--disturbed"] * self.disturbed
        return shlex.join(words)


def _tests(asked: _Asked) -> dict[str, Characters]:
    """The test parts of everything that was named, by name."""
    from training.characters import cnn_data
    from training.characters.disturbed import disturbed_sets

    collections = []
    if asked.collections_dir:
        collections += cnn_data.from_collections(asked.collections_dir, asked.cache_dir)
    if asked.idx_dir:
        collections.append(cnn_data.from_idx(asked.idx_dir, asked.variant, asked.cache_dir))
    if asked.tfds:
        collections.append(cnn_data.from_tfds(asked.variant, asked.cache_dir))
    tests = cnn_data.test_sets(
        collections, asked.cache_dir, held_out_fonts=asked.held_out_fonts, other_digits=asked.other_digits
    )
    if asked.disturbed and asked.collections_dir:
        for path in sorted(asked.collections_dir.glob("*.npz")):
            tests |= disturbed_sets(path)
    if not tests:
        raise typer.BadParameter(
            "nothing to measure on: --collections-dir, --idx-dir, --tfds, --held-out-fonts or --other-digits"
        )
    return tests


def _show(measured: Mapping[str, Tested]) -> None:
    rows = [
        [
            name,
            str(found.figures.n),
            f"{found.figures.plain:.2%}",
            f"{found.figures.top3:.2%}",
            f"{found.figures.case_merged:.2%}",
            f"{found.figures.look_alike_merged:.2%}",
            "" if found.figures.digits is None else f"{found.figures.digits:.2%}",
            f"{found.figures.calibration_error:.4f}",
        ]
        for name, found in measured.items()
    ]
    heads = ("n", "62 classes", "top-3", "case-merged", "look-alikes merged", "digits only", "calibration error")
    out().print(table("set", *heads, rows=rows, right=heads))
