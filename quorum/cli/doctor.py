"""`quorum doctor`: check everything that a cluster on this machine needs, and name the remedy for what is missing.

    quorum doctor
    quorum doctor --config serve_config.yaml

Checks programs and their data, Python packages, every engine's model, the port, the memory, and GPUs if the
configuration gives out fractions of them. Changes nothing.

Exit codes: 0 the cluster can start, perhaps without an engine; 1 it cannot start; 2 the command was not understood.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster import preflight
from cluster.preflight import Finding, Verdict
from deployments.config.gpu_fractions import fraction_mismatch
from deployments.config.schema import ClusterConfig
from quorum.cli.up import CONFIG, read_config, wants_of_machine
from quorum.terminal.output import FAILED, errors_speak, out, table

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
    look = partial(preflight.model, model_dir=settings.model_dir, cache_dir=settings.cache_dir)
    return [
        *(look(engine.name, engine.model, handwriting=engine.handwriting) for engine in settings.engines),
        look("paddleocr_detector", settings.segmentation.model),
    ]


def _cards(content: dict[str, Any], settings: ClusterConfig) -> list[Finding]:
    """Whether engines that are given a fraction of a card find one; nothing when none is.

    The fraction stands twice in the file, for the engine and for Ray. Without a driver no framework is asked.
    """
    from engines.devices.gpu import total_memory_bytes

    asked = _actor_options(content, settings)
    placed = {name: float(options.get("num_gpus", 0.0)) for name, options in asked.items()}
    told = {engine.name: engine.gpu for engine in settings.engines}
    differing = [
        Finding(f"card of {name}", Verdict.FAILED, wrong, "gpu under `engines`, num_gpus under `deployments`")
        for name, fraction in placed.items()
        if (wrong := fraction_mismatch(name, told[name], fraction))
    ]
    wanted = {name: fraction for name, fraction in placed.items() if fraction > 0.0}
    if not wanted:
        return differing
    driver = preflight.card(wanted, total_memory_bytes)
    if driver.verdict is not Verdict.OK:
        return [*differing, driver]
    return [*differing, driver, *(preflight.framework(name, _interpreter(asked[name])) for name in wanted)]


def _actor_options(content: dict[str, Any], settings: ClusterConfig) -> dict[str, dict[str, Any]]:
    """What is asked for a replica of each engine: what the file's `deployments:` section says, else what follows from
    the arguments.
    """
    [application] = content["applications"]
    listed = {deployment["name"]: deployment for deployment in application.get("deployments", [])}
    return {
        engine.name: listed.get(engine.name, {}).get("ray_actor_options", {"num_gpus": engine.gpu})
        for engine in settings.engines
    }


def _interpreter(options: dict[str, Any]) -> str:
    """The Python that a replica with these options runs in: this one, unless its runtime_env has another."""
    return str(options.get("runtime_env", {}).get("py_executable", sys.executable))
