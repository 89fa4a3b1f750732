"""The real engines, each with a GPU that is only a number in Ray's books: they hold a fraction of it, and read on a
CPU.

So a cluster shows on any machine how fractions are shared out. Named in a configuration by import path,
`benchmarks.simulated_gpu.trocr`.
"""

from __future__ import annotations

from dataclasses import replace

import engines
from benchmarks.stubs.stub_engine import SimulatedGpu
from ocr import Engine, EngineSpec, LoadOptions


def on_simulated_gpu(name: str) -> EngineSpec:
    """The spec of the engine of that name, which takes a fraction of a GPU that is not there."""
    real = engines.spec(name)

    def load(options: LoadOptions) -> Engine:
        return real.load(replace(options, device="cpu", gpu_fraction=0.0))

    return replace(real, load=load, card=SimulatedGpu())
