"""The command line: one file a subcommand, each with its own docstring. Run `quorum --help`."""

from __future__ import annotations

import importlib
import pkgutil

import typer

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Quorum: a distributed OCR cluster.")


def _register() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}").register(app)


def main() -> None:
    """Entry point of the `quorum` program."""
    _register()
    app()
