"""Asks a running Quorum, over HTTP or through a Serve handle. Over HTTP it needs neither Ray nor an engine.

    Client("http://127.0.0.1:8000").read("page.png").text

`Client` and `AsyncClient` speak HTTP, `HandleClient` and `AsyncHandleClient` speak to the application from another
process on its Ray cluster. All four ask the same questions (operations.py): a question is a `Call` (calls.py), how it
travels is a transport of one method, and what comes back is a type of ocr.contract. Errors are those of ocr.errors,
whichever way they came; what is safe to ask again is asked again (retrying.py).
"""

from __future__ import annotations

from quorum.client.calls import (
    BatchKeywords,
    CharacterKeywords,
    DocumentKeywords,
    EnsembleKeywords,
    Readable,
    TextKeywords,
    encoded,
    is_document,
)
from quorum.client.handle import AsyncHandleClient, HandleClient
from quorum.client.http import API_KEY_HEADER, DEFAULT_TIMEOUT_S, DEFAULT_URL, AsyncClient, Client
from quorum.client.jobs import AsyncJob, Job, JobKeywords
from quorum.client.retrying import Retries
from quorum.client.reviews import AsyncReview, Review, ReviewKeywords

__all__ = [
    "API_KEY_HEADER",
    "DEFAULT_TIMEOUT_S",
    "DEFAULT_URL",
    "AsyncClient",
    "AsyncHandleClient",
    "AsyncJob",
    "AsyncReview",
    "BatchKeywords",
    "CharacterKeywords",
    "Client",
    "DocumentKeywords",
    "EnsembleKeywords",
    "HandleClient",
    "Job",
    "JobKeywords",
    "Readable",
    "Retries",
    "Review",
    "ReviewKeywords",
    "TextKeywords",
    "encoded",
    "is_document",
]
