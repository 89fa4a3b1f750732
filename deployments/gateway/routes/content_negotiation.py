"""What form a response takes: what the request says in `format`, else what its Accept header likes best."""

from __future__ import annotations

from collections.abc import Sequence

from ocr.errors import NotAcceptable

NDJSON = "application/x-ndjson"
JSON = "application/json"


def accepted_media_type(accept: str, offered: Sequence[str]) -> str:
    """The media type of `offered` that an Accept header likes best. Raises NotAcceptable when it likes none."""
    kind = best_media_type(accept, offered)
    if kind is None:
        raise NotAcceptable("Accept asks for nothing that this route answers", f"it answers {', '.join(offered)}")
    return kind


def best_media_type(accept: str, offered: Sequence[str]) -> str | None:
    """The media type of `offered` that an Accept header (RFC 9110, 12.5.1) likes best; None when it likes none.

    Among equals the earlier in `offered` wins. An empty header likes everything.
    """
    accepted = [_media_range(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]
    scores = {media: _quality_of(media, accepted) for media in offered}
    best = max(offered, key=lambda media: scores[media])
    return best if scores[best] > 0.0 else None


def _media_range(part: str) -> tuple[str, float]:
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return media, _quality(value)
    return media, 1.0


def _quality(value: str) -> float:
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0


def _quality_of(media: str, accepted: Sequence[tuple[str, float]]) -> float:
    """The quality that the most special range gives to `media`."""
    kind = media.split("/", 1)[0]
    for pattern in (media, f"{kind}/*", "*/*"):
        qualities = [quality for wanted, quality in accepted if wanted == pattern]
        if qualities:
            return max(qualities)
    return 0.0
