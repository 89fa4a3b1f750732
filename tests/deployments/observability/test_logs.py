"""What never gets into a log."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from deployments.observability.logs import HIDDEN, LoggingConfig, RedactionFilter
from ocr.errors import NotAnImage


def record_of(error: Exception | None = None, **extra: object) -> logging.LogRecord:
    exc_info = None
    if error is not None:
        try:
            raise error
        except type(error):
            exc_info = sys.exc_info()
    record = logging.LogRecord("quorum.x", logging.INFO, __file__, 1, "message", (), exc_info)
    record.__dict__.update(extra)
    return record


def test_recognised_text_is_cut_out_of_a_record_unless_it_is_allowed() -> None:
    record = record_of(text="dear diary", confidence=0.5)
    assert RedactionFilter(text=False).filter(record)
    assert (record.__dict__["text"], record.__dict__["confidence"]) == (HIDDEN, 0.5)
    allowed = record_of(text="dear diary")
    RedactionFilter(text=True).filter(allowed)
    assert allowed.__dict__["text"] == "dear diary"


def test_what_an_exception_says_is_cut_out_too_and_where_it_came_from_stays() -> None:
    record = record_of(ValueError("cannot align 'dear diary'"))
    RedactionFilter(text=False).filter(record)
    written = logging.Formatter().format(record)
    assert "diary" not in written
    assert "ValueError" in written
    assert Path(__file__).name in written
    ours = record_of(NotAnImage("the file is empty"))
    RedactionFilter(text=False).filter(ours)
    assert "the file is empty" in logging.Formatter().format(ours)


def test_a_live_document_changes_only_what_it_says_of_logging() -> None:
    assert LoggingConfig("INFO", text=False).with_document({"log_level": "DEBUG"}) == LoggingConfig("DEBUG", text=False)
    assert LoggingConfig("INFO", text=False).with_document({"log_text": True, "method": "x"}) == LoggingConfig(
        "INFO", text=True
    )
