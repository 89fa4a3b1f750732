"""Traces with OpenTelemetry: what part of a request took how long, and on which replica.

Serve makes a span for the request in its proxy and for each handle call on both sides, and carries the trace along. The
switch is its variable RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH, off by default (`tracing_config` in its file is not heard
by proxies, as of Ray 2.60). Added here is what happens between and inside those calls: each engine as a request waits
for it, fusion, and each batch of an engine. OpenTelemetry's own environment variables tell where the spans go.

Without a trace, which is always so while tracing is off and for requests that the sampling left out, a span is one look
at a context variable. Spans hold names, numbers and statuses, never recognised text nor what an exception says.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry import trace

from ocr.errors import OutOfRange

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

_NAME = "quorum"


@contextmanager
def span(name: str, **attributes: str | int | float) -> Iterator[trace.Span]:
    """A span under that of the caller, while the block runs. What is not traced gets a span that keeps nothing."""
    parent = trace.get_current_span()
    if not parent.is_recording():
        yield parent
        return
    tracer = trace.get_tracer(_NAME)
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as own:
        try:
            yield own
        except BaseException as error:
            own.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise


class BatchSpans:
    """One span for each batch of an engine, under the first request that has crops in it, linked to all others."""

    def caller(self) -> object:
        """Stands for the request that is being answered; kept with its crops."""
        here = trace.get_current_span()
        return here if here.is_recording() else None

    @contextmanager
    def batch(self, callers: Sequence[object]) -> Iterator[None]:
        """While a batch with crops of these requests is read; one for each crop."""
        spans = [caller for caller in dict.fromkeys(callers) if isinstance(caller, trace.Span)]
        if not spans:
            yield
            return
        with trace.get_tracer(_NAME).start_as_current_span(
            "read batch",
            context=trace.set_span_in_context(spans[0]),
            links=[trace.Link(other.get_span_context()) for other in spans[1:]],
            attributes={"crops": len(callers)},
        ):
            yield


def exporter() -> list[SpanProcessor]:
    """Where spans go, by OTEL_TRACES_EXPORTER: `otlp` (default) to OTEL_EXPORTER_OTLP_ENDPOINT over HTTP, `file` to
    Serve's logs, `console` to the log of the process, `none`. Serve calls it in each of its processes; raises
    OutOfRange for another word.
    """
    chosen = os.environ.get("OTEL_TRACES_EXPORTER", "otlp")
    if chosen not in _PROCESSORS:
        raise OutOfRange(f"OTEL_TRACES_EXPORTER is '{chosen}'", f"known are {', '.join(_PROCESSORS)}")
    return _PROCESSORS[chosen]()


def _over_otlp() -> list[SpanProcessor]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return [BatchSpanProcessor(OTLPSpanExporter())]


def _into_file() -> list[SpanProcessor]:
    """A JSON object each line, in a file for each process: to look at, and for tests."""
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
    from ray.serve._private.logging_utils import get_serve_logs_dir

    folder = Path(get_serve_logs_dir()) / "spans"
    folder.mkdir(exist_ok=True)
    out = (folder / f"{os.getpid()}.jsonl").open("a")
    return [SimpleSpanProcessor(ConsoleSpanExporter(out=out, formatter=lambda span: f"{span.to_json(indent=None)}\n"))]


def _into_log() -> list[SpanProcessor]:
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

    return [SimpleSpanProcessor(ConsoleSpanExporter())]


_PROCESSORS: dict[str, Callable[[], list[SpanProcessor]]] = {
    "otlp": _over_otlp,
    "file": _into_file,
    "console": _into_log,
    "none": list,
}
