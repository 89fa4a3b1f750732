"""`quorum read FILE...`: read image files and PDFs with a running service.

    quorum read page.png
    quorum read page.png --explain                     also words on which engines differ, and where the time went
    quorum read --format json *.png > answers.ndjson
    quorum read --format pdf scan.png > searchable.pdf
    quorum read --pages 3-5 --dpi 300 --lang de book.pdf

A document of more pages than the service reads at once is read in parts. Every option of a request is an option here;
--help lists them.

The text goes to stdout. With several files, a line `==> name <==` comes before each text; with `--format json` each
answer is one line. Other formats take one file at a time. `-` reads stdin. A file that cannot be read is
named on stderr, and the others are still read.

Exit codes: 0 every file was read; 1 at least one was not; 2 the command was not understood.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from ocr.contract import DocumentAnswer, TextAnswer, Timings, WordAnswer
from quorum.client import DEFAULT_URL, Client, DocumentKeywords, TextKeywords, is_document
from quorum.terminal.output import FAILED, errors_speak, out, readable_name, table
from quorum.terminal.request_options import with_request_options

Url = Annotated[str, typer.Option(help="Where the service is.", envvar="QUORUM_URL")]
ApiKey = Annotated[str | None, typer.Option(help="Key, if the service needs one.", envvar="QUORUM_API_KEY")]


# The service takes up to ten minutes for a long document.
TIMEOUT_S = 630.0
_FOR_DOCUMENTS = DocumentKeywords.__annotations__.keys() - TextKeywords.__annotations__.keys()


def register(app: typer.Typer) -> None:
    app.command()(with_request_options(read))


def read(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Image files; - is stdin.")],
    url: Url = DEFAULT_URL,
    format: Annotated[
        Literal["text", "json", "markdown", "hocr", "hocr.zip", "alto", "alto.zip", "page", "pdf"],
        typer.Option(help="The text, the whole answer, or a format for other programs."),
    ] = "text",
    api_key: ApiKey = None,
    *,
    options: DocumentKeywords,
) -> None:
    """Read image files with a running service."""
    if format not in ("text", "json") and len(files) > 1:
        raise typer.BadParameter(f"--format {format} is for one file at a time")
    failures = 0
    with errors_speak():
        client = Client(url, api_key, TIMEOUT_S)
    with client:
        for file in files:
            try:
                with errors_speak(file):
                    if format not in ("text", "json"):
                        document = _content(file) if file == "-" else Path(file)
                        typer.echo(client.read_as(document, format, **options), nl=False)
                        continue
                    answer = _answer(client, _content(file), options)
                    _show(file, answer, format, several=len(files) > 1, explain=options.get("explain", False))
            except typer.Exit:
                failures += 1
    if failures:
        raise typer.Exit(FAILED)


def _answer(client: Client, content: bytes, options: DocumentKeywords) -> TextAnswer | DocumentAnswer:
    """The answer for a page, unless the file has pages or some were asked for."""
    if is_document(content) or _FOR_DOCUMENTS & options.keys():
        return client.read_document(content, **options)
    return client.read(content, **cast("TextKeywords", options))


def _content(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()


def _show(file: str, answer: TextAnswer | DocumentAnswer, form: str, *, several: bool, explain: bool) -> None:
    if form == "json":
        typer.echo(answer.model_dump_json())
        return
    if several:
        typer.echo(f"==> {readable_name(file)} <==")
    typer.echo(answer.text)
    if explain:
        pages = answer.pages if isinstance(answer, DocumentAnswer) else [answer]
        read = [page for page in pages if isinstance(page, TextAnswer)]
        _show_differences([word for page in read for word in _differing(page)])
        for page in read:
            if page.timings is not None:
                _show_times(page.timings)


def _differing(page: TextAnswer) -> list[WordAnswer]:
    """The words that not every engine reads alike."""
    return [word for line in page.lines for word in line.words if len(set(word.votes.values())) > 1]


def _show_differences(words: list[WordAnswer]) -> None:
    """How each engine read the words on which they differ."""
    engines = list(dict.fromkeys(engine for word in words for engine in word.votes))
    rows = [
        (word.text, f"{word.confidence:.2f}", *(word.votes.get(engine, "") or "nothing" for engine in engines))
        for word in words
    ]
    out().print("", table("word", "confidence", *engines, rows=rows, right=("confidence",)), sep="\n")


def _show_times(timings: Timings) -> None:
    """What the answer waited for, which adds up to the whole."""
    rows = [(f"{part.duration_ms:.1f}", part.name, part.where) for part in timings.parts if part.critical]
    whole = (f"{timings.wall_ms:.1f}", "together", "")
    out().print("", table("ms", "waited for", "where", rows=[*rows, whole], right=("ms",)), sep="\n")
