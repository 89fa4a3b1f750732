"""Spans of what happens inside, with the exporter in memory, and where they are sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from deployments.engine.batching import CropQueue
from deployments.observability.tracing import BatchSpans, exporter, span
from ocr import Crop, Hypothesis
from ocr.errors import OutOfRange
from tests.fakes.plain_ensemble import PlainReader, ensemble, read_request, readers


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Traces go here, and everything is traced that has a parent."""
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return memory


def named(kept: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {each.name: each for each in kept.get_finished_spans()}


async def test_a_request_that_is_traced_shows_each_engine_and_the_fusion_under_it(kept: InMemorySpanExporter) -> None:
    with trace.get_tracer("test").start_as_current_span("request") as request:
        await ensemble(readers(b=PlainReader("x", ValueError("a secret text")))).read_page(
            b"page", read_request("a", "b")
        )
    spans = named(kept)
    assert set(spans) == {"request", "ask a", "ask b", "fuse"}
    for name in ("ask a", "ask b", "fuse"):
        assert spans[name].parent is not None
        assert spans[name].parent.span_id == request.get_span_context().span_id
    assert dict(spans["ask a"].attributes or {}) == {"engine": "a", "crops": 2}
    assert (spans["ask a"].status.is_ok, spans["ask b"].status.is_ok) == (True, False)
    assert "secret" not in "".join(each.to_json() for each in spans.values())


async def test_a_request_that_is_not_traced_makes_no_span(kept: InMemorySpanExporter) -> None:
    await ensemble(readers()).read_page(b"page", read_request())
    assert kept.get_finished_spans() == ()


def test_a_span_that_is_not_wanted_costs_next_to_nothing() -> None:
    began = time.perf_counter()
    for _ in range(1000):
        with span("nothing", engine="a"):
            pass
    assert time.perf_counter() - began < 1.0, "a millisecond for each"


async def test_a_batch_is_a_span_of_the_first_request_linked_to_the_others(
    kept: InMemorySpanExporter, crops: list[Crop]
) -> None:
    queue = CropQueue(
        lambda batch: [Hypothesis.of_text("x", 0.9) for _ in batch],
        batch_size=8,
        clock=time.monotonic,
        spans=BatchSpans(),
    )

    async def request(name: str) -> None:
        with trace.get_tracer("test").start_as_current_span(name):
            await queue.read(crops, time.monotonic() + 60)

    await asyncio.gather(request("first"), request("second"), queue.read(crops, time.monotonic() + 60))
    await queue.close()
    spans = named(kept)
    batch = spans["read batch"]
    assert batch.parent is not None
    assert batch.parent.span_id == spans["first"].get_span_context().span_id
    assert [link.context.span_id for link in batch.links] == [spans["second"].get_span_context().span_id]
    assert dict(batch.attributes or {}) == {"crops": 3}


@pytest.fixture
def crops() -> list[Crop]:
    from deployments.engine.hosting import warm_up_crops

    return warm_up_crops()[:1]


# --- where spans go ---


class Receiver(HTTPServer):
    """Takes what is exported over OTLP, like a collector."""

    def __init__(self) -> None:
        self.spans: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in sent.resource_spans:
            for scope in resource.scope_spans:
                self.server.spans += [each.name for each in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_spans_go_to_the_collector_that_the_environment_names(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.delenv("OTEL_TRACES_EXPORTER", raising=False)
    provider = TracerProvider()
    for processor in exporter():
        provider.add_span_processor(processor)
    with provider.get_tracer("test").start_as_current_span("one page"):
        pass
    provider.shutdown()
    assert receiver.spans == ["one page"]


def test_spans_go_to_the_log_or_nowhere_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    [processor] = exporter()
    assert isinstance(processor.span_exporter, ConsoleSpanExporter)  # type: ignore[attr-defined]
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert exporter() == []
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "pigeon")
    with pytest.raises(OutOfRange, match="pigeon"):
        exporter()
