"""`quorum review FOLDER`: put doubtful words before people, who correct them in a browser.

    quorum review letters                              reads the files, makes a review, opens it
    quorum review letters --order reading --below 0.9
    quorum review --job 4f0c2b6e --truth letters-truth     what people said: truth.jsonl with pictures
    quorum review --job 4f0c2b6e --label-studio tasks      tasks for Label Studio, with pictures
    quorum review --job 4f0c2b6e --take export.json        what was annotated in Label Studio

The files of folders are one job, and its review opens in the browser. Its link goes to stdout: whoever has it takes
part, and nobody is asked a word that somebody else looks at. Every format of the job has what people said
(`quorum jobs fetch`). `quorum tune --from reviews` makes the vote better by it.

Exit codes: 0 done; 1 the service refused, nothing could be read, or no job has that id; 2 the command was not
understood; 130 stopped by Ctrl-C (the job goes on).
"""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path
from typing import Annotated, Literal

import typer

from ocr.errors import InvalidRequest
from quorum.cli.jobs import followed, found_job, patient_client
from quorum.cli.read import ApiKey, Url
from quorum.client import DEFAULT_URL, Client, Review, ReviewKeywords
from quorum.client.reviews import rows_of
from quorum.terminal.output import errors_speak, out

TASKS_FILE, CONFIG_FILE, PICTURES = "tasks.json", "label_config.xml", "pictures"


def register(app: typer.Typer) -> None:
    app.command("review")(review)


def review(
    folders: Annotated[list[Path] | None, typer.Argument(metavar="FOLDER...", help="Folders, files, patterns.")] = None,
    job: Annotated[str | None, typer.Option(help="Of this job instead, or the beginning of its id.")] = None,
    key: Annotated[str | None, typer.Option(help="The key of somebody else's review, with --job.")] = None,
    order: Annotated[
        Literal["doubt", "reading"], typer.Option(help="The most doubtful words first, or in order.")
    ] = "doubt",
    below: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Ask words that are less sure; by default as configured.")
    ] = None,
    words: Annotated[int | None, typer.Option(min=1, help="Ask so many doubtful words at most.")] = None,
    sure_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Ask such a share of all words, whatever their doubt.")
    ] = 0.02,
    open_it: Annotated[bool, typer.Option("--open/--no-open", help="Open it in a browser.")] = True,
    truth: Annotated[Path | None, typer.Option(help="Write what people said to this folder.")] = None,
    label_studio: Annotated[Path | None, typer.Option(help="Write tasks for Label Studio to this folder.")] = None,
    take: Annotated[Path | None, typer.Option(help="Take what was exported from Label Studio.")] = None,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
) -> None:
    """Make a review of files, or go on with one."""
    if (job is None) == (not folders):
        raise typer.BadParameter("name folders, or a job that was read with --job")
    options = ReviewKeywords(order=order, sure_share=sure_share)
    if below is not None:
        options["below"] = below
    if words is not None:
        options["words"] = words
    with errors_speak(), patient_client(url, api_key) as client:
        found = _review_of(client, folders or [], job, key, options)
        if truth is not None:
            out().print(f"{write_truth(found, truth)} pages with what people said are in {truth}")
        elif label_studio is not None:
            out().print(f"{_write_tasks(found, label_studio)} tasks are in {label_studio}")
        elif take is not None:
            _take(found, take)
        else:
            _tell(found, url, open_it=open_it)


def _review_of(
    client: Client, folders: list[Path], job: str | None, key: str | None, options: ReviewKeywords
) -> Review:
    if key is not None and job is not None:
        return client.review(job, key)
    if job is not None:
        state = found_job(client, job).state
        return client.review(state.id, **({} if state.reviewed_words is not None else options))
    from quorum.batch.finding import find

    files = [path for path in find(map(str, folders)).files if isinstance(path, Path)]
    if not files:
        raise InvalidRequest("nothing here can be read", "name folders with images or PDFs on this machine")
    submitted = client.submit(list(files), priority="interactive", explain=True)
    followed(submitted)
    return client.review(submitted.id, **options)


def _tell(found: Review, url: str, *, open_it: bool) -> None:
    state = found.look()
    link = found.link(url)
    out().print(f"{state.asked} of {state.words} words are asked, {state.left} left")
    estimate = state.estimate
    out().print(
        f"reviewing {estimate.words} words ({estimate.seconds / 60:.0f} minutes) is expected to bring the errors from "
        f"{estimate.error_rate:.1%} to {estimate.error_rate_after:.1%}"
    )
    typer.echo(link)
    if open_it:
        webbrowser.open(link)


def write_truth(found: Review, folder: Path, *, only_complete: bool = True) -> int:
    """truth.jsonl and the pictures that it names; returns how many pages there are."""
    rows = rows_of(found.truth(only_complete=only_complete))
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        (folder / row["image"]).write_bytes(found.picture(int(row["image"].partition("-")[0]), row["page"]))
    (folder / "truth.jsonl").write_bytes("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode())
    return len(rows)


def _write_tasks(found: Review, folder: Path) -> int:
    """Tasks, the labelling interface that they are made for, and pictures, as Label Studio serves them from a folder of
    its machine.
    """
    from ocr.label_studio import CONFIG

    place = f"/data/local-files/?d={folder.name}/{PICTURES}/"
    tasks = found.label_studio_tasks(place)
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    for task in tasks:
        name = str(task["data"]["ocr"]).removeprefix(place)
        picture = found.picture(int(name.partition("-")[0]), int(task["data"]["page"]))
        (folder / PICTURES / name).write_bytes(picture)
    (folder / TASKS_FILE).write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")
    (folder / CONFIG_FILE).write_text(CONFIG, encoding="utf-8")
    return len(tasks)


def _take(found: Review, path: Path) -> None:
    try:
        tasks = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidRequest(f"{path} is not JSON", "export the project of Label Studio as JSON") from error
    answer = found.take_label_studio(tasks)
    out().print(f"{answer.kept} words are kept; {answer.review.left} are left")
    for refused in answer.refused:
        out().print(f"word {refused.number}: {refused.reason}")
