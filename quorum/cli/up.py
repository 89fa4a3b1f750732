"""`quorum up`: start the whole cluster on this machine, read a sample page, and serve.

    quorum up                       start, read the sample page, serve until Ctrl-C
    quorum up --demo                start, read the sample page, stop

Checks the machine, starts Ray and Serve, shows how each part warms up, reads a sample page over HTTP, prints what each
engine and the vote made of it, and serves. Others can send pages before that, as soon as it says that the first engines
read. When it stops, no process of it is left.

Exit codes: 0 it served until it was stopped, or the demonstration succeeded; 1 the cluster did not start, or in a
demonstration no engine read the page; 2 the command was not understood; 130 stopped before it served.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
import yaml
from pydantic import ValidationError
from rich.console import Console

import engines
from cluster import preflight
from cluster.local import running_clusters
from cluster.local.local_cluster import LocalCluster, is_starting, local_cluster, warm_up
from cluster.preflight import Finding, Verdict
from deployments.config.layers import read_dotenv, resolve_settings
from deployments.config.schema import ClusterConfig
from ocr.contract import StatusAnswer, TextAnswer, TextPrediction
from ocr.errors import InvalidRequest, ServiceError
from quorum.cli.read import ApiKey
from quorum.client import Client, Retries
from quorum.terminal.output import FAILED, INTERRUPTED, complain, errors_speak, out, table
from quorum.terminal.startup_progress import startup_board

_TOP = Path(__file__).resolve().parents[2]
CONFIG = _TOP / "serve_config.cpu.yaml"
_SAMPLE = _TOP / "examples" / "page.png"

_WARM_UP_S = 600.0  # a cold disk and a busy machine; usually a tenth of it
_PROBE_S = 5.0
_SAMPLE_S = 120.0
_MB = 1e6


def register(app: typer.Typer) -> None:
    app.command()(up)


def up(
    config: Annotated[Path, typer.Option(help="Configuration, Serve's own schema.")] = CONFIG,
    demo: Annotated[bool, typer.Option("--demo", help="Stop after the sample page.")] = False,
    host: Annotated[str, typer.Option(help="Address to serve on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to serve on.", min=1, max=65535)] = 8000,
    sample: Annotated[Path, typer.Option(help="The page to read first.")] = _SAMPLE,
    api_key: ApiKey = None,
) -> None:
    """Start the whole cluster on this machine, read a sample page, and serve until Ctrl-C."""
    console = out()
    with errors_speak():
        content, settings = read_config(config)
        _examine(host, port, settings)
        state_dir = settings.state_dir.expanduser()
        try:
            with running_clusters.registered(state_dir, port):
                served = _run(console, content, state_dir, host, port, sample, api_key, demo=demo)
        except KeyboardInterrupt:
            complain("stopped before it served")
            raise typer.Exit(INTERRUPTED) from None
    if not served:
        raise typer.Exit(FAILED)


def read_config(path: Path) -> tuple[dict[str, Any], ClusterConfig]:
    """The content of a Serve configuration file, and what it says to the application, with the environment over it."""
    try:
        content = yaml.safe_load(path.read_text())
        [application] = content["applications"]
        settings = ClusterConfig.model_validate(application.get("args") or {})
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        reason = _first_problem(error) if isinstance(error, ValidationError) else error
        raise InvalidRequest(
            f"{path} is not a configuration of Quorum: {reason}", "serve_config.cpu.yaml is one to start from"
        ) from error
    return content, resolve_settings(settings, os.environ, read_dotenv(os.environ)).config


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    return f"{'.'.join(('args', *map(str, problem['loc'])))}: {problem['msg']}"


def wants_of_machine(host: str, port: int, settings: ClusterConfig) -> list[Finding]:
    """What this machine itself must offer, and whether it does."""
    return preflight.machine(
        host=host,
        port=port,
        engines=[engine.name for engine in settings.engines],
        available_mb=psutil.virtual_memory().available / _MB,
        needed_mb=_needed_mb(settings),
        tesseract=os.environ.get("TESSERACT_CMD", "tesseract"),
    )


def _examine(host: str, port: int, settings: ClusterConfig) -> None:
    """Say what is not right on this machine; stop where it cannot work."""
    wrong = [finding for finding in wants_of_machine(host, port, settings) if finding.verdict is not Verdict.OK]
    for finding in wrong:
        complain(f"{finding.name}: {finding.detail}", finding.remedy)
    if any(finding.verdict is Verdict.FAILED for finding in wrong):
        raise typer.Exit(FAILED)


def _needed_mb(settings: ClusterConfig) -> float:
    """About what Ray itself, Gateway, Router and Segmentation take, and what each engine asks for."""
    asked = (engines.spec(one.name).memory_mb(one.runtime, on_card=one.gpu > 0.0) for one in settings.engines)
    return 2000.0 + sum(asked)


def _run(
    console: Console,
    content: Mapping[str, Any],
    state_dir: Path,
    host: str,
    port: int,
    sample: Path,
    api_key: str | None,
    *,
    demo: bool,
) -> bool:
    """Start, read the sample, serve until interrupted unless it is a demonstration. False when a demonstration fails.

    KeyboardInterrupt comes out of here only when it came before the cluster served.
    """
    url = _url(host, port)
    console.print("starting Ray and Serve on this machine")
    with Client(url, api_key, _PROBE_S, retries=Retries(times=0)) as client:

        def status() -> StatusAnswer | None:
            try:
                return client.status()
            except ServiceError:
                return None

        with (
            local_cluster(content, host=host, port=port, status=status) as cluster,
            running_clusters.environment_file(state_dir, port, cluster.environment) as environment,
        ):
            _warm_up(console, cluster, url)
            read = _read_sample(console, client, sample)
            if not demo:
                _serve(console, url, environment)
            console.print("stopping")
    return read or not demo


def _warm_up(console: Console, cluster: LocalCluster, url: str) -> None:
    with startup_board(console) as show:
        warm_up(
            cluster.snapshot,
            show,
            timeout_s=_WARM_UP_S,
            logs=cluster.logs,
            on_first_engines=lambda answer: console.print(first_engines(url, answer), soft_wrap=True),
        )


def first_engines(url: str, answer: StatusAnswer) -> str:
    """What to say when pages can be sent though not every engine is warm."""
    warm = [name for name, engine in answer.engines.items() if engine.available]
    others = [name for name, engine in answer.engines.items() if is_starting(engine)]
    return (
        f"{url} reads already, with {', '.join(warm)}. Answers are marked as degraded until these are warm too: "
        f"{', '.join(others)}"
    )


def _serve(console: Console, url: str, environment: Path) -> None:
    console.print(f"\nto read from Python without HTTP, first run: source {environment}")
    console.print(f"serving on {url}: open it in a browser. Ctrl-C stops it")
    try:
        _serve_on()
    except KeyboardInterrupt:
        console.print()


def _serve_on() -> None:
    """Until Ctrl-C."""
    threading.Event().wait()


def _read_sample(console: Console, client: Client, sample: Path) -> bool:
    """Read the sample page and show what came out. False when nobody could read it."""
    try:
        answer = client.read(sample, timeout_s=_SAMPLE_S)
    except (ServiceError, OSError) as error:
        complain(f"the sample page was not read: {error}")
        return False
    show_answer(console, sample.name, answer)
    return any(engine.status == "ok" for engine in answer.engine_predictions.values())


def show_answer(console: Console, name: str, answer: TextAnswer) -> None:
    """Print the fused text, and how each engine fared."""
    spoke = sum(engine.status == "ok" for engine in answer.engine_predictions.values())
    console.print(
        f"\n{name}: {len(answer.lines)} lines in {answer.processing_time_ms / 1000:.1f} s, "
        f"confidence {answer.confidence:.2f}, {spoke} of {len(answer.engine_predictions)} engines read it\n",
        answer.text,
        "",
        table(
            "engine",
            "status",
            "ms",
            "confidence",
            "model",
            "text, or why not",
            rows=[_engine_row(engine, said) for engine, said in answer.engine_predictions.items()],
            right=("ms", "confidence"),
        ),
        sep="\n",
    )


def _engine_row(engine: str, said: TextPrediction) -> tuple[str, ...]:
    if said.status != "ok":
        return engine, said.status, "", "", said.model, said.detail
    beginning = " / ".join(said.text.splitlines()[:2])
    return engine, said.status, f"{said.latency_ms:.0f}", f"{said.confidence:.2f}", said.model, beginning


def _url(host: str, port: int) -> str:
    """Where a client on this machine finds what listens on `host`:`port`."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
