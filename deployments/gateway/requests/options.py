"""From named fields to typed options. An option that is not known is an error, never ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ocr.errors import InvalidRequest, OutOfRange, QuorumError

Options = TypeVar("Options", bound=BaseModel)

# Problems of the shape of a request, as pydantic names them; any other is a value that is understood but not allowed.
_MALFORMED = frozenset({"extra_forbidden", "missing", "json_invalid", "model_attributes_type", "model_type"})


def parse(options: type[Options], fields: Mapping[str, Any]) -> Options:
    """Typed options from named fields. Raises InvalidRequest for a wrong shape, OutOfRange for a wrong value."""
    try:
        return options.model_validate(dict(fields))
    except ValidationError as error:
        raise _problem_of(error, options) from error


def parse_known(options: type[Options], fields: Mapping[str, Any]) -> Options:
    """The same of those fields that are options of this kind."""
    return parse(options, {name: value for name, value in fields.items() if name in options.model_fields})


def _problem_of(error: ValidationError, options: type[BaseModel]) -> QuorumError:
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the request"
    known = ", ".join(sorted(options.model_fields))
    if problem["type"] == "extra_forbidden":
        return InvalidRequest(f"unknown option '{place}'", f"the options here are {known}")
    if problem["type"] in _MALFORMED:
        return InvalidRequest(f"{place}: {problem['msg']}", f"the options here are {known}")
    return OutOfRange(f"{place}: {problem['msg']}, got {_short(problem['input'])}", "see /docs for what is allowed")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
