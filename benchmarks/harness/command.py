"""How a benchmark becomes a command: the options are the parameters of its `main`."""

from __future__ import annotations

from collections.abc import Callable

import typer


def run(main: Callable[..., None]) -> None:
    """Parse the command line and call `main`. Errors are shown as Python shows them, for whoever reads a log."""
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    app()
