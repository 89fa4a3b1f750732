"""`quorum down`: stop what `quorum up` started in another terminal, and wait until all of it is gone.

Exit codes: 0 it is stopped; 1 no `quorum up` serves on that port, or it did not stop in time; 2 the command was not
understood.
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from cluster.local import running_clusters
from deployments.config.layers import read_dotenv, resolve_settings
from deployments.config.schema import ClusterConfig
from quorum.terminal.output import FAILED, complain, errors_speak, out

# Replicas finish what they read before they go.
_PATIENCE_S = 60.0


def register(app: typer.Typer) -> None:
    app.command()(down)


def down(port: Annotated[int, typer.Option(help="The port that it serves on.", min=1, max=65535)] = 8000) -> None:
    """Stop what `quorum up` started on this machine."""
    with errors_speak():
        settings = resolve_settings(ClusterConfig(), os.environ, read_dotenv(os.environ)).config
    found = running_clusters.find_running(settings.state_dir.expanduser(), port)
    if found is None:
        complain(
            f"no `quorum up` of this user serves on port {port}",
            "is it another port? A cluster that `serve deploy` started is stopped with `serve shutdown`",
        )
        raise typer.Exit(FAILED)
    out().print(f"stopping what serves on port {port}")
    if not found.stop(_PATIENCE_S):
        complain(f"process {found.process} is still there after {_PATIENCE_S:g} s", f"kill -9 {found.process}")
        raise typer.Exit(FAILED)
    out().print("stopped")
