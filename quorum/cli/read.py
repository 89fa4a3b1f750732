"""`quorum read FILE...`: read image files and PDFs with a running service.

    quorum read page.png
    quorum read --format json *.png > answers.ndjson

A page's text goes to stdout; several files are told apart by a line `==> name <==`, and with `--format json` every
answer is one line. `-` reads stdin. A file that cannot be read is named on stderr and the others are still read.

Exit codes: 0 every file was read; 1 at least one was not; 2 the command was not understood.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from ocr.contract import DocumentAnswer, TextAnswer
from quorum.client import DEFAULT_TIMEOUT_S, DEFAULT_URL, Client, TextKeywords, is_document
from quorum.terminal import FAILED, errors_speak

Url = Annotated[str, typer.Option(help="Where the service is.", envvar="QUORUM_URL")]
ApiKey = Annotated[str | None, typer.Option(help="Key, if the service wants one.", envvar="QUORUM_API_KEY")]


def register(app: typer.Typer) -> None:
    app.command()(read)


def read(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Image files; - is stdin.")],
    url: Url = DEFAULT_URL,
    format: Annotated[Literal["text", "json"], typer.Option(help="The text, or the whole answer.")] = "text",
    profile: Annotated[str | None, typer.Option(help="Whose voting weights count.")] = None,
    method: Annotated[str | None, typer.Option(help="How votes are counted.")] = None,
    engines: Annotated[str | None, typer.Option(help="Ask only these engines: a,b.")] = None,
    timeout_s: Annotated[float | None, typer.Option(help="Answer within this time.")] = None,
    api_key: ApiKey = None,
) -> None:
    """Read image files with a running service."""
    options = options_of(profile, method, engines, timeout_s)
    failures = 0
    with errors_speak():
        client = Client(url, api_key, DEFAULT_TIMEOUT_S)
    with client:
        for file in files:
            try:
                with errors_speak(file):
                    content = _content(file)
                    ask = client.read_document if is_document(content) else client.read
                    _show(file, ask(content, **options), format, several=len(files) > 1)
            except typer.Exit:
                failures += 1
    if failures:
        raise typer.Exit(FAILED)


def options_of(profile: str | None, method: str | None, engines: str | None, timeout_s: float | None) -> TextKeywords:
    options = TextKeywords()
    if profile is not None:
        options["profile"] = profile
    if method is not None:
        options["method"] = method
    if engines is not None:
        options["engines"] = [name.strip() for name in engines.split(",")]
    if timeout_s is not None:
        options["timeout_s"] = timeout_s
    return options


def _content(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()


def _show(file: str, answer: TextAnswer | DocumentAnswer, form: str, *, several: bool) -> None:
    if form == "json":
        typer.echo(answer.model_dump_json())
        return
    if several:
        typer.echo(f"==> {file} <==")
    typer.echo(answer.text)
