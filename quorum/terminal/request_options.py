"""The options of a request as options of a command: each field of ocr.contract.DocumentOptions, so that none is missing
and each is checked before anything is sent.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any, cast

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from ocr.contract import DocumentOptions
from quorum.client import DocumentKeywords


def with_request_options(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with an option for each that a request has; it gets those that were given as `options`."""
    fields = DocumentOptions.model_fields
    own = inspect.signature(command, eval_str=True)
    offered = [parameter for name, parameter in own.parameters.items() if name != "options"]
    offered += [_parameter(name, field) for name, field in fields.items()]

    @wraps(command)
    def run(**arguments: Any) -> None:  # noqa: ANN401 - whatever was typed
        given = {name: arguments.pop(name) for name in fields}
        command(**arguments, options=request_options({name: value for name, value in given.items() if value}))

    run.__signature__ = own.replace(parameters=offered)  # type: ignore[attr-defined] # what typer looks at
    run.__annotations__ = {}
    return run


def request_options(given: Mapping[str, Any]) -> DocumentKeywords:
    """The options of a request from what was typed. Raises BadParameter, which names the option."""
    try:
        parsed = DocumentOptions.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        raise typer.BadParameter(problem["msg"], param_hint=_flag(str(problem["loc"][0]))) from error
    return cast("DocumentKeywords", parsed.model_dump(mode="json", include=set(given)))


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    is_flag = field.annotation is bool
    kind: Any = bool if is_flag else str | None
    option = typer.Option(_flag(name), help=field.description, metavar=None if is_flag else _metavar(field))
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=False if is_flag else None, annotation=Annotated[kind, option]
    )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _metavar(field: FieldInfo) -> str:
    """An example of what may be typed, where the contract has one."""
    example = (field.examples or ["TEXT"])[0]
    if isinstance(example, list) and all(isinstance(item, str) for item in example):
        return ",".join(example)
    return json.dumps(example) if isinstance(example, list | dict) else str(example)
