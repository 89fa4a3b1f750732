"""`quorum tune FOLDER ...`: fit profiles to labelled lines.

    quorum tune my_pages more_pages --out my_profiles
    quorum tune my_pages --out my_profiles --engines tesseract,paddleocr
    quorum evaluate pages my_pages --tuned my_profiles/profiles.json --engines tesseract,paddleocr

    quorum tune --from reviews --out my_profiles           says what it would bring, and writes a document
    quorum tune --from reviews --out my_profiles --apply   and puts it in force, without a restart
    quorum tune --take-back                                puts back what was in force before

A folder holds images and `truth.jsonl`. Profiles are fitted to one part of its pages. Its test pages are left out;
`quorum evaluate pages` measures on them. What the engines read is kept under --readings; when a run was stopped, the
same command continues it. To use the document that it writes, name it as `tuned:` in serve_config.yaml or in
`PUT /config`.

With `--from reviews` what people said in reviews of one's own jobs makes the profile better that is in force. Before
anything changes, the command says how many errors fewer there are, cross-validated by document. Each run writes a file
of its own, `reviews-1.json` and so on; every node has to see it. `--apply` and `--take-back` need an administrator's
key.

Exit codes: 0 the profiles are written; 1 the pages or an engine are missing; 2 the command was not understood.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from ocr.contract import ConfigAnswer
from ocr.errors import InvalidRequest
from quorum.cli.read import TIMEOUT_S, ApiKey, Url
from quorum.cli.review import write_truth
from quorum.client import DEFAULT_URL, Client
from quorum.terminal.output import errors_speak, out

KEEP = 0.97
ENGINES = "tesseract,paddleocr,easyocr,trocr,emnist_cnn"


def register(app: typer.Typer) -> None:
    app.command("tune")(tune)


def tune(
    folders: Annotated[list[Path] | None, typer.Argument(help="Folders of images with truth.jsonl.")] = None,
    source: Annotated[
        Literal["folders", "reviews"],
        typer.Option("--from", help="What to tune to: folders, or reviews of the service."),
    ] = "folders",
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
    apply: Annotated[bool, typer.Option("--apply", help="With --from reviews: put the profile in force.")] = False,
    tuned: Annotated[
        str, typer.Option(help="With --from reviews: the document to make better, without --apply.")
    ] = "bundled",
    take_back: Annotated[bool, typer.Option("--take-back", help="Put the profile before it in force again.")] = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
) -> None:
    """Fit the engines' evidence and weights to labelled lines."""
    if take_back:
        with errors_speak(), Client(url, api_key) as client:
            _take_back(client)
        return
    if source == "reviews":
        if folders:
            raise typer.BadParameter("reviews are fetched from the service; leave out the folders")
        with errors_speak(), Client(url, api_key, TIMEOUT_S) as client:
            _tune_from_reviews(client, engines, readings, out_dir, tuned, apply=apply)
        return
    if not folders:
        raise typer.BadParameter("name folders of images with truth.jsonl, or --from reviews")
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


def _tune_from_reviews(client: Client, engines: str, readings: Path, out_dir: Path, tuned: str, *, apply: bool) -> None:
    """Fetch what people said, tune, say what it is worth; put it in force only where that is asked for."""
    from training.reviews.run import tune_from_reviews

    config = client.config() if apply else None  # before hours of reading: without the key nothing could be applied
    tuned = tuned if config is None else _tuned(config)
    folders = list(_fetched(client, out_dir / "truth"))
    if not folders:
        raise InvalidRequest("no job of yours has a review with words", "`quorum review FOLDER` makes one")
    command = shlex.join(["quorum", "tune", "--from", "reviews", "--out", str(out_dir), "--engines", engines])
    written = tune_from_reviews(folders, engines.split(","), readings, out_dir, tuned, command)
    for row in written.tuning.describe():
        out().print(row)
    out().print(f"written to {written.path}")
    if config is not None:
        answer = client.change_config({**config.live, "tuned": str(written.path)}, config.version)
        out().print(f"in force since version {answer.version} of the configuration; --take-back puts back {tuned}")


def _fetched(client: Client, folder: Path) -> Iterator[Path]:
    """The folders with what people said, one for each job."""
    for job in client.jobs():
        if job.state.reviewed_words:
            own = folder / job.id
            if write_truth(client.review(job.id), own, only_complete=False):
                yield own


def _take_back(client: Client) -> None:
    """Put in force what was before the document that is."""
    from fusion import Thresholds, tuned_document
    from training.reviews.run import BEFORE

    config = client.config()
    tuned = _tuned(config)
    document = tuned_document(tuned, Thresholds())
    if document is None or BEFORE not in document.made:
        raise InvalidRequest(f"{tuned} was not made from reviews", "`quorum config set tuned=...` puts any in force")
    before = document.made[BEFORE]
    answer = client.change_config({**config.live, "tuned": before}, config.version)
    out().print(f"{before} is in force again since version {answer.version} of the configuration")


def _tuned(config: ConfigAnswer) -> str:
    """The document of profiles that is in force."""
    return str(config.live.get("tuned", config.values["tuned"].value))
