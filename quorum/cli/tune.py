"""`quorum tune FOLDER ...`: fit profiles to labelled lines.

    quorum tune my_pages more_pages --out my_profiles
    quorum tune my_pages --out my_profiles --engines tesseract,paddleocr
    quorum evaluate pages my_pages --tuned my_profiles/profiles.json --engines tesseract,paddleocr

A folder holds images and `truth.jsonl`. Profiles are fitted to one part of its pages. Its test pages are left out;
`quorum evaluate pages` measures on them. What the engines read is kept under --readings; when a run was stopped, the
same command continues it. To use the document that it writes, name it as `tuned:` in serve_config.yaml or in
`PUT /config`.

Exit codes: 0 the profiles are written; 1 the pages or an engine are missing; 2 the command was not understood.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from quorum.terminal.output import errors_speak, out

KEEP = 0.97
ENGINES = "tesseract,paddleocr,easyocr,trocr,emnist_cnn"


def register(app: typer.Typer) -> None:
    app.command("tune")(tune)


def tune(
    folders: Annotated[list[Path], typer.Argument(help="Folders of images with truth.jsonl.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Where profiles.json is written.")] = Path("profiles"),
    engines: Annotated[str, typer.Option(help="Whose readings to fuse, as NAME or NAME=MODEL, with commas.")] = ENGINES,
    readings: Annotated[Path, typer.Option(help="Keeps what engines read.")] = Path("runs/readings"),
    spelling: Annotated[
        bool, typer.Option("--spelling", help="Make the languages again, from lists of words.")
    ] = False,
    keep: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The part of what all engines gain that a cascade has to keep.")
    ] = KEEP,
    error_rate: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="The character error rate that a cascade may have on the lines, instead of --keep."
        ),
    ] = None,
    characters: Annotated[
        Path | None, typer.Option(help="Folder of .npz collections: weights for single characters are fitted as well.")
    ] = None,
) -> None:
    """Fit the engines' evidence and weights to labelled lines."""
    from training.votes.run import tune_profiles

    with errors_speak():
        words = ["quorum", "tune", *map(str, folders), "--out", str(out_dir), "--engines", engines]
        words += ["--spelling"] * spelling
        words += ["--keep", str(keep)] if keep != KEEP else []
        words += [] if error_rate is None else ["--error-rate", str(error_rate)]
        words += ["--characters", str(characters)] if characters else []
        for row in tune_profiles(
            folders,
            engines.split(","),
            readings,
            out_dir,
            shlex.join(words),
            new_languages=spelling,
            keep=keep,
            error_rate=error_rate,
            characters=characters,
        ):
            out().print(row)
    sys.stdout.flush()
