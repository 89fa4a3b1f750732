"""`quorum upgrade`: bring a cluster that serves to another version of the application, and stay until it is there.

    quorum upgrade serve_config.yaml              on a node of the cluster, as `serve deploy` would
    quorum upgrade serve_config.yaml --patience 300

Where a node has room, a replica of the next version starts before the one that it replaces ends; elsewhere it starts
afterwards. An extra replica that finds no place within the patience is not waited for. With KubeRay, change the
RayService instead.

Exit codes: 0 the new version serves; 1 nothing serves here, the file is wrong, or Serve gave up; 2 the command was not
understood.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml

from cluster.local.serve_deploy import join
from cluster.upgrade.rolling_upgrade import RayCluster, UpgradeProgress, rolling_upgrade
from ocr.errors import InvalidRequest, Unreachable
from quorum.terminal.output import errors_speak, out


def register(app: typer.Typer) -> None:
    app.command()(upgrade)


def upgrade(
    file: Annotated[Path, typer.Argument(help="A Serve file.", exists=True, dir_okay=False)],
    address: Annotated[str, typer.Option(envvar="RAY_ADDRESS", help="Of the head; `auto`: what runs here.")] = "auto",
    patience: Annotated[float, typer.Option(help="Seconds an extra replica may wait for a place.", min=1.0)] = 60.0,
) -> None:
    """Hand a new version to a cluster that serves, with extra replicas where there is room for them."""
    with errors_speak():
        config = yaml.safe_load(file.read_text())
        if not isinstance(config, dict):
            raise InvalidRequest(f"{file} is not a Serve file", "give one that `serve deploy` takes")
        _join(address)
        last: UpgradeProgress | None = None
        for progress in rolling_upgrade(config, RayCluster(), patience_s=patience):
            _show(progress, last)
            last = progress
    out().print("the new version serves")


def _join(address: str) -> None:
    try:
        join(address)
    except (ConnectionError, ValueError) as error:
        raise Unreachable(f"no Ray cluster at {address}: {error}", "run this on a node of the cluster") from error


def _show(now: UpgradeProgress, before: UpgradeProgress | None) -> None:
    console = out()
    if before is None:
        console.print(f"one more replica first, then the old one ends: {', '.join(now.surging) or 'none has room'}")
        if now.in_place:
            console.print(f"no room for one more, so the old one ends first: {', '.join(now.in_place)}")
    elif now.surging != before.surging:
        given_up = ", ".join(name for name in before.surging if name not in now.surging)
        console.print(f"no place was found for one more of {given_up}: the old one ends first")
    if now.left:
        console.print(f"on the way: {', '.join(now.left)}")
