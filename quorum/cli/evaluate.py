"""`quorum evaluate MODEL`: measure a model on test characters that its training never saw.

    quorum evaluate cnn --collections-dir ../shared/data/characters
    quorum evaluate cnn --model models/emnist_cnn --idx-dir emnist/ --plots plots/ --json figures.json

Collections are cleaned and split as training does it (by hash), so the test part is the same one.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from quorum.terminal import errors_speak, out, table

group = typer.Typer(no_args_is_help=True, help="Measure a model or the service.")

BUNDLED = Path("cluster/bundled/emnist_cnn")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="evaluate")


@group.callback()
def _measure() -> None:
    """Measure a model or the service."""


@group.command()
def cnn(
    model: Annotated[Path, typer.Option(help="Model directory: model.keras and metadata.json.")] = BUNDLED,
    collections_dir: Annotated[Path | None, typer.Option(help="Folder of .npz collections.")] = None,
    idx_dir: Annotated[Path | None, typer.Option(help="Folder of EMNIST or MNIST idx files.")] = None,
    variant: Annotated[
        Literal["byclass", "bymerge", "balanced", "letters", "digits", "mnist"], typer.Option(help="Which EMNIST.")
    ] = "byclass",
    held_out_fonts: Annotated[
        bool, typer.Option("--held-out-fonts", help="Also printed characters of fonts that training did not use.")
    ] = False,
    disturbed: Annotated[bool, typer.Option("--disturbed", help="Also the collections as unusual pictures.")] = False,
    cache_dir: Annotated[Path, typer.Option(help="Prepared and rendered characters.")] = Path("runs/cache"),
    plots: Annotated[Path | None, typer.Option(help="Folder for confusion, reliability and errors.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all figures.")] = None,
    report_file: Annotated[Path | None, typer.Option("--report", help="Markdown file for the report.")] = None,
) -> None:
    """Accuracy, top-3, by kind and class, merged senses and calibration error of the character network."""
    from training import cnn_data
    from training.cnn_report import read_model, report, tested, write_plots
    from training.disturbed import disturbed_sets

    with errors_speak():
        collections = []
        if collections_dir:
            collections += cnn_data.from_collections(collections_dir, cache_dir)
        if idx_dir:
            collections.append(cnn_data.from_idx(idx_dir, variant, cache_dir))
        tests = cnn_data.test_sets(collections, cache_dir, held_out_fonts=held_out_fonts)
        if disturbed and collections_dir:
            for path in sorted(collections_dir.glob("*.npz")):
                tests |= disturbed_sets(path)
        if not tests:
            raise typer.BadParameter("nothing to measure on: --collections-dir, --idx-dir or --held-out-fonts")
        network, temperature, about = read_model(model)
        measured = tested(network, temperature, tests)
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
        if json_file:
            content = {name: found.figures.as_json() for name, found in measured.items()}
            json_file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if report_file:
            from benchmarks.setting import as_table, setting

            words = ["quorum", "evaluate", "cnn", "--model", str(model)]
            words += ["--collections-dir", str(collections_dir)] if collections_dir else []
            words += ["--idx-dir", str(idx_dir), "--variant", variant] if idx_dir else []
            words += ["--held-out-fonts"] * held_out_fonts + ["--disturbed"] * disturbed
            text = report(measured, about, as_table(setting()), shlex.join(words))
            report_file.write_text(text, encoding="utf-8")
        if plots:
            write_plots(measured, plots)
