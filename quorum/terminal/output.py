"""How the command line speaks: answers on stdout, everything else on stderr, errors with their next step.

Knows the terminal and the error tree; which commands there are is not known here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ocr.errors import QuorumError

FAILED = 1
INTERRUPTED = 130

# A table that goes into a file or a pipe has no window to fit; the default of 80 columns would cut it.
_WIDTH_WITHOUT_WINDOW = 140


def out() -> Console:
    """Where answers go."""
    console = Console(highlight=False, emoji=False, markup=False)
    return (
        console
        if console.is_terminal
        else Console(highlight=False, emoji=False, markup=False, width=_WIDTH_WITHOUT_WINDOW)
    )


def readable_name(name: str | os.PathLike[str]) -> str:
    """The name of a file as text that any terminal can show: bytes that are not UTF-8, and control characters, which
    could move the cursor, are written with backslashes.
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def complain(message: str, hint: str = "") -> None:
    """Say on stderr what went wrong, and on the next line what to do."""
    console = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)
    console.print(f"[red]{escape(_encodable(message))}[/red]")
    if hint:
        console.print(f"  {escape(_encodable(hint))}")


def _encodable(text: str) -> str:
    """`text` without halves of characters, which come from the names of files and which no stream takes."""
    return text.encode("utf-8", "backslashreplace").decode()


@contextmanager
def errors_speak(about: str = "") -> Iterator[None]:
    """Turn an error that was to be expected into a message and exit code 1. `about` names what it happened to."""
    prefix = f"{readable_name(about)}: " if about else ""
    try:
        yield
    except QuorumError as error:
        complain(f"{prefix}{error.message}", error.hint)
        raise typer.Exit(FAILED) from error
    except OSError as error:
        named = f" ({readable_name(error.filename)})" if error.filename and not about else ""
        complain(f"{prefix}{error.strerror or error}{named}")
        raise typer.Exit(FAILED) from error


def table(*columns: str, rows: Iterable[Iterable[str | Text]], right: Iterable[str] = ()) -> Table:
    """A table of texts, plain or styled; the columns named in `right` hold numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in set(right) else "left", overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made
