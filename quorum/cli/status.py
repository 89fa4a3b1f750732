"""`quorum status`: show the parts of a running service, and whether it can answer.

Exit codes: 0 it is ready, perhaps with fewer engines than configured; 1 it is not ready, no service answers, or an
engine that holds a fraction of a GPU does not read; 2 the command was not understood.
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from ocr.contract import EngineStatus, StatusAnswer
from quorum.cli.read import ApiKey, Url
from quorum.client import DEFAULT_URL, Client
from quorum.terminal.output import FAILED, complain, errors_speak, out, table

_TIMEOUT_S = 10.0


def register(app: typer.Typer) -> None:
    app.command()(status)


def status(
    url: Url = DEFAULT_URL,
    format: Annotated[Literal["text", "json"], typer.Option(help="Tables, or the whole answer.")] = "text",
    api_key: ApiKey = None,
) -> None:
    """Show what a running service consists of, and whether it can answer."""
    with errors_speak(), Client(url, api_key, _TIMEOUT_S) as client:
        answer = client.status()
    if format == "json":
        typer.echo(answer.model_dump_json())
    else:
        show(answer)
    idle = [name for name, engine in answer.engines.items() if engine.gpu_fraction > 0.0 and not engine.available]
    for name in idle:
        engine = answer.engines[name]
        complain(f"{name} has {engine.gpu_fraction:g} of a card but cannot read: {engine.detail}")
    if answer.status == "not_ready" or idle:
        raise typer.Exit(FAILED)


def show(answer: StatusAnswer) -> None:
    """Print the service's state as two tables."""
    console = out()
    console.print(f"Quorum {answer.version}: {answer.status}, up for {answer.uptime_s:.0f} s\n")
    engines = [_engine_row(name, engine) for name, engine in answer.engines.items()]
    console.print(
        table("engine", "state", "load s", "MB", "card", "model or reason", rows=engines, right=("load s", "MB")),
        "",
        table(
            "part",
            "state",
            "replicas",
            "message",
            rows=[
                (name, part.status.lower(), str(part.replicas), part.message)
                for name, part in answer.components.items()
            ],
            right=("replicas",),
        ),
        sep="\n",
    )


def _engine_row(name: str, engine: EngineStatus) -> tuple[str, ...]:
    state = "left out" if engine.circuit != "closed" else "asleep" if engine.asleep else "available"
    state = state if engine.available else "unavailable"
    reason = engine.model if engine.available else engine.detail
    return name, state, f"{engine.load_seconds:.1f}", f"{engine.memory_mb:.0f}", _card(engine), reason


def _card(engine: EngineStatus) -> str:
    """How much of its share of a card an engine holds; "-" without one."""
    if engine.gpu_fraction == 0.0:
        return "-"
    if engine.card is None:
        return f"{engine.gpu_fraction:g}, not used"
    held = next((mb for mb in (engine.card.reserved_mb, engine.card.process_mb) if mb is not None), None)
    counted = "?" if held is None else f"{held:.0f}"
    return f"{engine.gpu_fraction:g}: {counted} of {engine.card.limit_mb:.0f} MB"
