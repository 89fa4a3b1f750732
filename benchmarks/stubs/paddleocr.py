"""See stub_engine."""

from benchmarks.stubs.stub_engine import stub_spec

SPEC = stub_spec("paddleocr")
