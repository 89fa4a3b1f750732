"""`quorum evaluate pages|characters|cnn`: measure engines, their vote or a model on data that training never saw.

    quorum evaluate pages my_pages --report report.md                   every engine and the vote, on labelled pages
    quorum evaluate pages ../shared/data/pages/* --leave-out            the same on sets that nothing was fitted to
    quorum evaluate characters ../shared/data/characters                the vote on single characters
    quorum evaluate cnn --collections-dir ../shared/data/characters     the character network
    quorum evaluate cnn --model models/emnist_cnn --idx-dir emnist/ --plots plots/ --json figures.json

`cnn` cleans and splits collections as training does (by hash), so its test part is the one that training left out.

Exit codes: 0 measured; 1 the data or the model is missing; 2 the command was not understood.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quorum.cli.train import Variant
from quorum.terminal.output import errors_speak, out, table

if TYPE_CHECKING:
    from evaluation.accuracy.detected_pages import ReadByService
    from evaluation.characters.network import NetworkResult
    from ocr.contract import TextAnswer

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
    profile: Annotated[str, typer.Option(help="The profile whose weights count.")] = "auto",
    method: Annotated[str, typer.Option(help="How votes are counted.")] = "confidence_weighted",
    tuned: Annotated[str, typer.Option(help="bundled, none, or a document that quorum tune wrote.")] = "bundled",
    readings: Annotated[Path, typer.Option(help="Keeps what was read; a stopped run continues.")] = Path(
        "runs/readings"
    ),
    url: Annotated[str | None, typer.Option(help="Read by this running service instead, from the page.")] = None,
    own_pipelines: Annotated[
        bool, typer.Option("--own-pipelines", help="Also what each engine's makers ship for whole pages.")
    ] = False,
    leave_out: Annotated[
        bool,
        typer.Option("--leave-out", help="First measure each set with profiles fitted without its source."),
    ] = False,
    limit: Annotated[int | None, typer.Option(help="Only the first pages of each set.")] = None,
    found_limit: Annotated[
        int | None, typer.Option(help="Find lines on the first pages of each set only; test pages come first.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Markdown file for all figures.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all figures.")] = None,
    html: Annotated[Path | None, typer.Option(help="File that shows lines, readings and votes in colour.")] = None,
) -> None:
    """Character and word error rates of every engine and of the fusion, with intervals, on labelled pages."""
    from evaluation.accuracy.arguments import parse_run
    from evaluation.accuracy.report import summary
    from evaluation.accuracy.run import measure, write
    from quorum.experiments.leave_one_out import measure_left_out

    with errors_speak():
        if leave_out and (url is not None or tuned != "bundled"):
            raise typer.BadParameter(
                "--leave-out fits its own profiles and reads by itself: leave out --url and --tuned"
            )
        service = None if url is None else _read_by_service(url, profile, method)
        run = parse_run(
            folders,
            splits,
            engines,
            views,
            profile,
            method,
            tuned,
            readings,
            limit,
            service,
            own_pipelines=own_pipelines,
            found_limit=found_limit,
        )
        outcome = measure_left_out(run, readings) if leave_out else measure(run)
        words = ["quorum", "evaluate", "pages", *map(str, folders), "--engines", engines, "--splits", splits]
        words += ["--views", views, "--profile", profile, "--method", method, "--tuned", tuned]
        words += ["--url", url] if url else []
        words += ["--own-pipelines"] * own_pipelines
        words += ["--leave-out"] * leave_out
        words += ["--limit", str(limit)] if limit is not None else []
        words += ["--found-limit", str(found_limit)] if found_limit is not None else []
        write(outcome, shlex.join(words), report, json_file, html)
        for title, heads, rows in summary(outcome.report):
            out().print(table(title, *heads, rows=rows, right=heads))


def _read_by_service(url: str, profile: str, method: str) -> ReadByService:
    """Reads pages by a running service, with the options that were typed."""
    from quorum.client import Client

    client = Client(url, timeout_s=600.0)

    def read(image: Path) -> TextAnswer:
        return client.read(image, profile=profile, method=method, explain=True, timeout_s=300.0)

    return read


@group.command()
def characters(
    folder: Annotated[Path, typer.Argument(help="Folder of .npz collections of handwritten characters.")],
    engines: Annotated[str, typer.Option(help="Whose readings count, as NAME or NAME=MODEL, with commas.")] = ENGINES,
    profile: Annotated[str, typer.Option(help="The profile whose weights count.")] = "auto",
    tuned: Annotated[str, typer.Option(help="bundled, none, or a document that quorum tune wrote.")] = "bundled",
    readings: Annotated[Path, typer.Option(help="Keeps what was read; a stopped run continues.")] = Path(
        "runs/readings"
    ),
    report: Annotated[Path | None, typer.Option(help="Markdown file for all figures.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all figures.")] = None,
) -> None:
    """How often the vote on a single character is right: printed, photographed, noisy and written by hand."""
    from evaluation.accuracy.arguments import parse_readers, profile_of
    from evaluation.characters import votes
    from evaluation.environment import as_table, environment
    from evaluation.readings.store import ReadingStore
    from quorum.experiments.single_characters import measured

    with errors_speak():
        readers = parse_readers(engines)
        weighing = profile_of(readers, profile, tuned)
        found = measured(ReadingStore(readings), readers, folder, weighing)
        words = ["quorum", "evaluate", "characters", str(folder), "--engines", engines]
        words += ["--profile", profile, "--tuned", tuned]
        text = votes.report(found, weighing, shlex.join(words), as_table(environment()))
        _write(text, report, votes.as_json(found), json_file)
        heads, *rows = votes.rows(found)
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
    from evaluation.characters.network import evaluate_network, read_model
    from evaluation.characters.report import report, write_plots
    from evaluation.environment import as_table, environment
    from quorum.experiments.character_network import CharacterSources, labelled_sets

    origins = CharacterSources(
        model, collections_dir, idx_dir, tfds, variant, held_out_fonts, other_digits, disturbed, cache_dir
    )
    with errors_speak():
        tests = labelled_sets(origins)
        if not tests:
            raise typer.BadParameter(
                "nothing to measure on: --collections-dir, --idx-dir, --tfds, --held-out-fonts or --other-digits"
            )
        network, temperatures, about = read_model(model)
        measured = evaluate_network(network, temperatures, tests)
        _show(measured)
        content = {name: found.figures.as_json() for name, found in measured.items()}
        text = report(measured, about, as_table(environment()), origins.command)
        _write(text, report_file, content, json_file)
        if plots:
            write_plots(measured, plots)


def _write(text: str, report: Path | None, content: object, json_file: Path | None) -> None:
    """The files that are asked for."""
    if report is not None:
        report.write_text(text, encoding="utf-8")
    if json_file is not None:
        json_file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _show(measured: Mapping[str, NetworkResult]) -> None:
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
