"""See the package."""

from benchmarks.pretending import pretending

SPEC = pretending("paddleocr")
