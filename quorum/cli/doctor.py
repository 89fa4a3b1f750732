"""`quorum doctor`: look at everything that a cluster on this machine needs, and name the remedy for what is missing.

    quorum doctor
    quorum doctor --config serve_config.yaml

Checks programs and their data, the packages, every engine's model, GPUs where the configuration gives out fractions of
them, the port and the memory. Changes nothing.

Exit codes: 0 the cluster can start, perhaps without an engine; 1 it cannot start; 2 the command was not understood.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cluster import preflight
from cluster.preflight import Finding, Verdict
from deployments.config import ClusterConfig
from quorum.cli.up import CONFIG, read_config, wants_of_machine
from quorum.terminal import FAILED, errors_speak, out, table

_MARKS = {Verdict.OK: "ok", Verdict.WARNING: "look", Verdict.FAILED: "FAILED"}


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    config: Annotated[Path, typer.Option(help="Configuration, Serve's own schema.")] = CONFIG,
    host: Annotated[str, typer.Option(help="Address to serve on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to serve on.", min=1, max=65535)] = 8000,
) -> None:
    """Check this machine, and name the remedy for what is missing."""
    with errors_speak():
        content, settings = read_config(config)
        findings = [*wants_of_machine(host, port, settings), *_models(settings), *_cards(content, settings)]
    console = out()
    console.print(
        table(
            "check", "verdict", "found", rows=[(found.name, _MARKS[found.verdict], found.detail) for found in findings]
        )
    )
    wrong = [found for found in findings if found.verdict is not Verdict.OK]
    for found in wrong:
        console.print(f"\n{found.name}: {found.detail}\n  {found.remedy}")
    if any(found.verdict is Verdict.FAILED for found in wrong):
        raise typer.Exit(FAILED)
    console.print(f"\nthe cluster can start{', with what is named above missing' if wrong else ''}")


def _models(settings: ClusterConfig) -> list[Finding]:
    """Whether every engine's model, and the detector's, is here."""
    choices = {engine.name: engine.model for engine in settings.engines}
    choices["paddleocr_detector"] = settings.segmentation.model
    return [
        preflight.model(key, choice, model_dir=settings.model_dir, cache_dir=settings.cache_dir)
        for key, choice in choices.items()
    ]


def _cards(content: dict[str, Any], settings: ClusterConfig) -> list[Finding]:
    """Whether a card is here for the engines that are given a fraction of one; nothing when none is."""
    from engines.gpu import memory_limit_bytes

    names = {engine.name for engine in settings.engines}
    [application] = content["applications"]
    fractions = {
        deployment["name"]: float(deployment.get("ray_actor_options", {}).get("num_gpus", 0.0))
        for deployment in application.get("deployments", [])
        if deployment["name"] in names
    }
    wanted = {name: fraction for name, fraction in fractions.items() if fraction > 0.0}
    return [preflight.card(wanted, lambda: memory_limit_bytes(1.0))] if wanted else []
