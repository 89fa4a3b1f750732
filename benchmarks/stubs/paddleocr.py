"""See obedient."""

from benchmarks.stubs.obedient import obedient

SPEC = obedient("paddleocr")
