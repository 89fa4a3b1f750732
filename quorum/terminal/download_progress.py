"""The progress of files that are on their way, one bar a file. What they are for is not known here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

Show = Callable[[str, int, int | None], None]
"""Called with the name of a file, how many of its bytes are here, and how many it has, if that is known."""


@contextmanager
def progress_bars(console: Console, title: str) -> Iterator[Show]:
    """A function that shows how far each file is, to be called again and again; `title` is what they belong to."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as progress:

        def show(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(f"{title} {name}", total=total)
            progress.update(tasks[name], completed=done, total=total)

        yield show
