"""A job as a store keeps it: in parts, of which a change writes those alone that it changes. So a page that was read
writes as much in a job of thousands of pages as in a small one. Pure.

    fixed               what never changes, and how many files there are
    head                who reads what, when, and how far it is: small
    file N              one file and which of its pages are asked for
    file N failed       how many of its pages failed
    file N tokens B     under which token each of its pages was read, a block of pages at a time
    failure K           one page that could not be read
    review              what was asked of people, and who looks at what
    decisions B         what people said of words, a block of words at a time
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from pydantic_core import to_json

from deployments.jobs.job import Job, JobFile
from deployments.review.review import Review

BLOCK_PAGES = 64
_BLOCK_DECISIONS = 64

_FIXED = frozenset({"id", "owner", "folder", "digest", "options", "priority", "formats", "created_at"})
_APART = frozenset({"files", "failures", "review"})
_HEAD = tuple(name for name in Job.model_fields if name not in _FIXED | _APART)
_OF_REVIEW = tuple(name for name in Review.model_fields if name != "decisions")
_OF_FILE = tuple(name for name in JobFile.model_fields if name not in ("failed", "tokens"))

Parts = Mapping[str, str]
"""JSON by the name of the part."""
Changes = Mapping[str, str | None]
"""The same of those that a store is to write; None for those that it is to delete."""


def parts_of(job: Job) -> dict[str, str]:
    """The whole job."""
    return {name: _written(value) for name, value in _values(job)}


def changes(job: Job, earlier: Job) -> dict[str, str | None]:
    """What a store that has `earlier` writes to have `job`."""
    before = dict(_values(earlier))
    changed: dict[str, str | None] = {}
    for name, value in _values(job):
        if name not in before or before.pop(name) != value:
            changed[name] = _written(value)
    return {**changed, **dict.fromkeys(before)}


def job_of(parts: Parts) -> Job:
    """The job again."""
    told: dict[str, Any] = {**json.loads(parts["fixed"]), **json.loads(parts["head"])}
    files = [_file_of(parts, number) for number in range(told.pop("file_count"))]
    failures = list(_numbered(parts, "failure"))
    review = None
    if "review" in parts:
        decisions = [decision for block in _numbered(parts, "decisions") for decision in block]
        review = {**json.loads(parts["review"]), "decisions": decisions}
    return Job.model_validate({**told, "files": files, "failures": failures, "review": review})


def _file_of(parts: Parts, number: int) -> dict[str, Any]:
    tokens = [token for block in _numbered(parts, f"file {number} tokens") for token in block]
    failed = json.loads(parts[f"file {number} failed"])
    return {**json.loads(parts[f"file {number}"]), "failed": failed, "tokens": tokens}


def _numbered(parts: Parts, name: str) -> Iterator[Any]:
    """The parts of a name, by number from 0."""
    for number in count():
        if (part := parts.get(f"{name} {number}")) is None:
            return
        yield json.loads(part)


def _values(job: Job) -> Iterator[tuple[str, Any]]:
    """The parts as values, which are quick to compare: most are the very same as before."""
    fixed = {name: getattr(job, name) for name in sorted(_FIXED)}
    yield "fixed", {**fixed, "file_count": len(job.files)}
    yield "head", {name: getattr(job, name) for name in _HEAD}
    for number, file in enumerate(job.files):
        yield f"file {number}", {name: getattr(file, name) for name in _OF_FILE}
        yield f"file {number} failed", file.failed
        for block in range(-(-len(file.tokens) // BLOCK_PAGES)):
            yield f"file {number} tokens {block}", file.tokens[block * BLOCK_PAGES : (block + 1) * BLOCK_PAGES]
    for number, failure in enumerate(job.failures):
        yield f"failure {number}", failure
    if job.review is not None:
        decisions = job.review.decisions
        yield "review", {name: getattr(job.review, name) for name in _OF_REVIEW}
        for block in range(-(-len(decisions) // _BLOCK_DECISIONS)):
            yield f"decisions {block}", decisions[block * _BLOCK_DECISIONS : (block + 1) * _BLOCK_DECISIONS]


def _written(value: Any) -> str:  # noqa: ANN401 - of a job
    return to_json(value).decode()
