"""Errors of the tree as answers of the HTTP contract, or of the protocol that other people's clients speak."""

from __future__ import annotations

import math
from typing import Any

from starlette._utils import get_route_path
from starlette.responses import JSONResponse
from starlette.types import Scope

from ocr.contract import ErrorAnswer, Problem
from ocr.errors import InternalFailure, QuorumError, ServiceError, TooManyPages, Unauthorized

_LONGEST_MESSAGE = 1000


def error_answer(error: QuorumError) -> ErrorAnswer:
    """An error in the shape of the contract. Its message may quote what the caller sent, and JSON can hold half
    characters (lone surrogates) that cannot be sent back.
    """
    message = _short(error.message).encode("utf-8", "backslashreplace").decode()
    max_pages = error.max_pages if isinstance(error, TooManyPages) else None
    return ErrorAnswer(error=Problem(code=error.code, message=message, hint=error.hint, max_pages=max_pages))


def error_response(error: QuorumError, scope: Scope) -> JSONResponse:
    """An error in the shape that the clients of a request's route know, with the headers that belong to it."""
    headers = {}
    if isinstance(error, ServiceError) and error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(error_body(error_answer(error).error, scope), error.http_status, headers)


def error_body(problem: Problem, scope: Scope) -> dict[str, Any]:
    """A problem as the clients of a request's path know errors."""
    text = f"{problem.message} ({problem.hint})" if problem.hint else problem.message
    path = get_route_path(scope)
    if path == "/v2" or path.startswith("/v2/"):  # Open Inference Protocol
        return {"error": text}
    if path.startswith("/v1/"):  # Mistral
        return {"object": "error", "message": text, "type": problem.code, "param": None, "code": problem.code}
    if path.startswith("/documentintelligence/"):  # Azure
        return {"error": azure_error(problem)}
    return ErrorAnswer(error=problem).model_dump(mode="json", exclude_none=True)


def azure_error(problem: Problem) -> dict[str, str]:
    """A problem as the clients of Azure's services know errors: with a code such as `NotFound`."""
    text = f"{problem.message} ({problem.hint})" if problem.hint else problem.message
    return {"code": problem.code.title().replace("_", ""), "message": text}


def internal_failure() -> InternalFailure:
    """The answer to an unforeseen failure, without any internals."""
    return InternalFailure("the service failed on this request", "try again; the log has the details")


def _short(message: str) -> str:
    """What a caller sent may be megabytes, and is not sent back."""
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}..."
