"""See the package."""

from benchmarks.simulated_gpu import on_simulated_gpu

SPEC = on_simulated_gpu("paddleocr")
