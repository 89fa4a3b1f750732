"""The command line: one file a subcommand, each with its own docstring. Run `quorum --help`.

python -c 'import quorum.cli; print(quorum.cli.manual(), end="")' > docs/command-line.md
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import sys
from collections.abc import Iterator
from types import ModuleType

import typer

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Quorum: a distributed OCR cluster.")

_TITLE = """\
# The command line

`quorum COMMAND --help` lists all options of a command. Answers go to stdout, everything else to stderr. This page is
generated from the docstrings of the commands.
"""


def commands() -> Iterator[ModuleType]:
    """The module of each command, by name."""
    for module in pkgutil.iter_modules(__path__):
        yield importlib.import_module(f"{__name__}.{module.name}")


def manual() -> str:
    """What every command is for, its examples and exit codes, as a page of Markdown."""
    sections = [(module.__doc__ or "").strip().partition(": ") for module in commands()]
    return _TITLE + "".join(f"\n## {title}\n\n{text[:1].upper()}{text[1:]}\n" for title, _, text in sections)


def main() -> None:
    """Entry point of the `quorum` program."""
    for module in commands():
        module.register(app)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal of another alphabet stops nothing
            stream.reconfigure(errors="backslashreplace")
    app()
