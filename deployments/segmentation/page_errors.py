"""What a caller is told of a page that was given up, whether it stopped by itself or was stopped."""

from __future__ import annotations

from deployments.messages.request import SegmentationRequest
from ocr.errors import DeadlineExceeded, TooLarge


def past_deadline() -> DeadlineExceeded:
    return DeadlineExceeded("finding the lines took until the deadline", "give more time with timeout_s", 1.0)


def abandoned() -> DeadlineExceeded:
    return DeadlineExceeded("nobody waits for the page any more", "send it again", 1.0)


def hung(after_s: float) -> DeadlineExceeded:
    return DeadlineExceeded(f"finding the lines was given up after {after_s:.0f} s", "scale the page down", 1.0)


def too_much_processor_time(request: SegmentationRequest) -> TooLarge:
    return TooLarge(
        f"finding the lines takes more than {request.max_processor_s:g} s of a processor (limits.max_page_processor_s)",
        "scale the page down, cut it into parts, or ask for fewer steps of preprocessing",
    )
