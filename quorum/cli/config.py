"""`quorum config`: show the configuration of a running cluster, and change it for all replicas at once.

    quorum config show                            every value, and the layer that it comes from
    quorum config show limits                     only values whose path begins with `limits`
    quorum config set profile=printed limits.timeout_s=20
    quorum config weights tesseract=0.7 paddleocr=0.3 --profile printed
    quorum config put live.yaml                   replace the live layer by a file (JSON or YAML); `-` is stdin
    quorum config reset                           return to what was deployed

A change is refused when somebody else changed the configuration in between. When any value in it is wrong, the command
names the value and nothing is changed. You need an administrator's key: --api-key or QUORUM_API_KEY.

Exit codes: 0 done; 1 refused, or no service answers; 2 the command was not understood.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from ocr.contract import ConfigAnswer
from ocr.errors import InvalidRequest
from quorum.cli.read import ApiKey, Url
from quorum.client import DEFAULT_URL, Client
from quorum.terminal.output import errors_speak, out, table

group = typer.Typer(no_args_is_help=True, help="Look at the configuration of a running cluster, and change it.")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="config")


@group.command()
def show(
    beginning: Annotated[str, typer.Argument(help="Only values whose path begins with this.")] = "",
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
) -> None:
    """Every value, and the layer that it comes from."""
    with errors_speak(), Client(url, api_key) as client:
        _show(client.config(), beginning)


@group.command("set")
def set_values(
    settings: Annotated[list[str], typer.Argument(metavar="PATH=VALUE...", help="As limits.timeout_s=20.")],
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
) -> None:
    """Set single values of the live layer; the others stay."""
    with errors_speak(), Client(url, api_key) as client:
        before = client.config()
        live = copy.deepcopy(before.live)
        for setting in settings:
            _put(live, setting)
        _told(client.change_config(live, before.version))


@group.command()
def weights(
    settings: Annotated[list[str], typer.Argument(metavar="ENGINE=WEIGHT...", help="As tesseract=0.7.")],
    profile: Annotated[str | None, typer.Option(help="Change only this profile; by default every one.")] = None,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
) -> None:
    """Set the voting weights of one profile, or of all."""
    with errors_speak(), Client(url, api_key) as client:
        _told(client.change_weights(dict(map(_pair, settings)), profile))


@group.command()
def put(
    file: Annotated[str, typer.Argument(help="The whole live layer, JSON or YAML; - is stdin.")],
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
) -> None:
    """Replace the live layer by a file."""
    with errors_speak(), Client(url, api_key) as client:
        live = yaml.safe_load(sys.stdin.read() if file == "-" else Path(file).read_text())
        if not isinstance(live, dict):
            raise InvalidRequest(f"{file} is not a configuration", "give names and values, as in docs/operations.md")
        _told(client.change_config(live, client.config().version))


@group.command()
def reset(url: Url = DEFAULT_URL, api_key: ApiKey = None) -> None:
    """Back to what was deployed."""
    with errors_speak(), Client(url, api_key) as client:
        _told(client.change_config({}, client.config().version))


def _pair(setting: str) -> tuple[str, Any]:
    """PATH=VALUE, the value as YAML reads it: 20 is a number, true a truth, [a, b] a list."""
    name, sign, value = setting.partition("=")
    if not sign or not name:
        raise InvalidRequest(f"{setting!r} sets nothing", "give PATH=VALUE, such as limits.timeout_s=20")
    return name.strip(), yaml.safe_load(value)


def _put(live: dict[str, Any], setting: str) -> None:
    name, value = _pair(setting)
    *folders, last = name.split(".")
    for folder in folders:
        live = live.setdefault(folder, {})
        if not isinstance(live, dict):
            raise InvalidRequest(f"{folder!r} in {name} is a value already", "see `quorum config show`")
    live[last] = value


def _show(answer: ConfigAnswer, beginning: str) -> None:
    rows = [
        (path, str(found.value), found.layer, "" if found.live else "when deployed")
        for path, found in answer.values.items()
        if path.startswith(beginning)
    ]
    out().print(table("value", "is", "from", "changed", rows=rows))
    _told(answer)


def _told(answer: ConfigAnswer) -> None:
    when = "" if answer.changed_at is None else f", changed {answer.changed_at:%Y-%m-%d %H:%M:%S %Z}"
    out().print(f"\nversion {answer.version}{when}{f': {answer.problem}' if answer.problem else ''}")
