"""How the routes that parse their requests themselves describe them in OpenAPI, with examples."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel

from deployments.gateway.access.reading_middleware import IDEMPOTENCY_KEY
from deployments.gateway.formats import ZIP, formats
from deployments.gateway.routes.content_negotiation import JSON, NDJSON
from ocr.contract import ErrorAnswer

# A PNG of one pixel, so that an example is short and can be sent as it stands.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg=="

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": description}
    for status, description in {
        400: "Not an image, broken base64, or an unknown option.",
        401: "No API key, or one that is nobody's.",
        406: "No format that Accept asks for.",
        413: "Too many bytes, pixels or pages.",
        415: "A format that is not in the list.",
        422: "Understood but not allowed: an unknown engine, a negative weight, a page that is not there.",
        429: "This caller asks too often; see Retry-After.",
        500: "A fault of ours; the log has the details.",
        503: "Overloaded or not ready; see Retry-After.",
        504: "Nobody answered in time.",
    }.items()
}


_JOB_ERRORS: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorAnswer, "description": "There is no such job, or it is somebody else's."},
    409: {"model": ErrorAnswer, "description": "Nothing is read yet, or not all of it."},
    410: {"model": ErrorAnswer, "description": "What the job held is deleted."},
}


def job_errors() -> dict[int | str, dict[str, Any]]:
    """The errors of the routes of jobs."""
    return {**ERRORS, **_JOB_ERRORS}


def file_upload(body: type[BaseModel], options: type[BaseModel], kinds: tuple[str, ...]) -> dict[str, Any]:
    """The three ways to send one file: `kinds` are the media types of the third, the file as it is."""
    fields = _inlined(options)
    file = {"image": {"type": "string", "format": "binary"}}
    form = {**fields, "properties": {**file, **fields["properties"]}, "required": ["image"]}
    content = {
        "application/json": {"schema": _inlined(body), "example": {"image": PIXEL}},
        "multipart/form-data": {"schema": form},
        **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds},
    }
    return {"requestBody": {"required": True, "content": content}, "parameters": in_query(options)}


def json_body(body: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": _inlined(body), "example": example}}
    return {"requestBody": {"required": True, "content": content}}


_IDEMPOTENCY_KEY_HEADER: dict[str, Any] = {
    "name": IDEMPOTENCY_KEY,
    "in": "header",
    "required": False,
    "description": "Made anew for each request, and kept when it is sent again: then the answer is the same.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


def with_idempotency_key(route: dict[str, Any]) -> dict[str, Any]:
    """The description of a route, with the header under which a request may be sent again."""
    return {**route, "parameters": [*route.get("parameters", []), _IDEMPOTENCY_KEY_HEADER]}


BATCH_EXAMPLE: dict[str, Any] = {"images": [PIXEL, PIXEL], "task": "character", "classes": "digits"}


def in_query(options: type[BaseModel]) -> list[dict[str, Any]]:
    """Every option as a parameter of the query, where lists are written a,b and objects as JSON."""
    fields = options.model_fields.items()
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": field.description or "",
            "schema": {"type": "string"},
        }
        for name, field in fields
    ]


def responses(further: dict[str, str]) -> dict[int | str, dict[str, Any]]:
    """The answers of a route: besides its JSON, `further` media types with what each is."""
    kinds = {kind: {"schema": {"type": "string", "description": what}} for kind, what in further.items()}
    return {200: {"description": "The answer.", "content": kinds}, **ERRORS}


def format_responses(what_has_pages: str) -> dict[int | str, dict[str, Any]]:
    """The answers of a route that writes every output format; `what_has_pages` is what `page` makes an archive of."""
    kinds = {
        each.media_type: f"format={each.name}"
        for each in formats().values()
        if each.media_type != JSON and not each.is_archive
    }
    archives = ", ".join(each.name for each in formats().values() if each.is_archive)
    archive = f"format={archives}; page for {what_has_pages}"
    return responses({**kinds, ZIP: archive, NDJSON: "a line for each page"})


@cache
def _inlined(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of `model` with its references put in place, because `openapi_extra` brings no components."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def resolve(node: Any) -> Any:  # noqa: ANN401 - any JSON value
        if isinstance(node, dict):
            if "$ref" in node:
                return {**resolve(definitions[node["$ref"].rsplit("/", 1)[1]]), **_without_ref(node)}
            return {key: resolve(value) for key, value in node.items()}
        return [resolve(value) for value in node] if isinstance(node, list) else node

    resolved: dict[str, Any] = resolve(schema)
    return resolved


def _without_ref(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != "$ref"}
