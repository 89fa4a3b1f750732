"""What an Accept header likes best."""

from __future__ import annotations

import pytest

from deployments.gateway.routes.content_negotiation import best_media_type


@pytest.mark.parametrize(
    ("accept", "best"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/*", "text/plain"),
        ("application/json;q=0.2, text/plain;q=0.9", "text/plain"),
        ("text/html, application/json;q=0.9, */*;q=0.1", "application/json"),
        ("application/json;q=0, */*", "text/plain"),
        ("image/png", None),
        ("text/plain;q=high", None),
    ],
)
def test_the_media_type_liked_best_is_taken(accept: str, best: str | None) -> None:
    assert best_media_type(accept, ("application/json", "text/plain")) == best
