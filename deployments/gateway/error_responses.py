"""Errors of the tree as answers of the HTTP contract."""

from __future__ import annotations

import math

from starlette.responses import JSONResponse

from ocr.contract import ErrorAnswer, Problem
from ocr.errors import InternalFailure, QuorumError, ServiceError, TooManyPages, Unauthorized


def error_answer(error: QuorumError) -> ErrorAnswer:
    """An error in the shape of the contract. Its message may quote what the caller sent, and JSON can hold half
    characters (lone surrogates) that cannot be sent back.
    """
    message = error.message.encode("utf-8", "backslashreplace").decode()
    max_pages = error.max_pages if isinstance(error, TooManyPages) else None
    return ErrorAnswer(error=Problem(code=error.code, message=message, hint=error.hint, max_pages=max_pages))


def error_response(error: QuorumError) -> JSONResponse:
    """An error in the shape of the contract, with the headers that belong to it."""
    headers = {}
    if isinstance(error, ServiceError) and error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(error_answer(error).model_dump(mode="json", exclude_none=True), error.http_status, headers)


def internal_failure() -> InternalFailure:
    """The answer to an unforeseen failure, without any internals."""
    return InternalFailure("the service failed on this request", "try again; the log has the details")
