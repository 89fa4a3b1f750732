"""When OpenVINO reads for an engine, and in which precision. It is imported when it is asked."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ocr.errors import EngineUnavailable
from ocr.interfaces import LoadOptions, Runtime
from ocr.runtime.openvino_network import BFLOAT16, DEVICE, FLOAT32, Network

_CAPABILITY = "BF16"
WORTH_IT = 0.8
"""Of the time in float32: bfloat16 has 8 bits of precision."""
_PROBES = 8

T = TypeVar("T")

log = logging.getLogger("quorum.engines")


class OpenvinoCannotRead(Exception):
    """There is nothing of a model that OpenVINO reads. `str` of it says why."""


def by_openvino(engine: str, options: LoadOptions, opened: Callable[[], T]) -> T | None:
    """What `opened` makes, where OpenVINO reads with these options; None where the engine's own framework does.

    With `auto` the framework also reads where OpenVINO cannot, and the log says why. Raises EngineUnavailable when
    `options.runtime` is openvino and it cannot.
    """
    wanted = options.runtime is Runtime.OPENVINO
    if options.device != "cpu":
        if wanted:
            raise EngineUnavailable(f"{engine}: OpenVINO reads on CPUs", "set its runtime to auto, or its gpu to 0")
        return None
    if options.runtime is Runtime.NATIVE:
        return None
    try:
        return opened()
    except (OpenvinoCannotRead, ImportError, RuntimeError, ValueError) as error:
        if wanted:
            raise EngineUnavailable(
                f"{engine}: OpenVINO cannot read {options.model}: {error}", "set its runtime to auto or native"
            ) from error
        log.warning("%s: its own framework reads, as OpenVINO cannot read %s: %s", engine, options.model, error)
        return None


def half_precision() -> str:
    """bfloat16 where this processor computes faster in it, else float32. Some have the instructions (AVX-512 BF16) and
    gain nothing by them, so it is tried. Raises ImportError where OpenVINO is not installed.
    """
    import openvino

    core = openvino.Core()
    if _CAPABILITY not in core.get_property(DEVICE, "OPTIMIZATION_CAPABILITIES"):
        return FLOAT32
    return BFLOAT16 if _probed_s(core, BFLOAT16) < WORTH_IT * _probed_s(core, FLOAT32) else FLOAT32


def _probed_s(core: Any, precision: str) -> float:  # noqa: ANN401 - openvino is not typed
    """Seconds of two convolutions in this precision on one thread: the least of a few runs."""
    from openvino import Model
    from openvino import opset13 as ops

    entry = ops.parameter([1, 64, 12, 160], np.float32)
    kernel = ops.constant(np.ones((64, 64, 3, 3), np.float32))
    node = entry
    for _ in range(2):
        node = ops.relu(ops.convolution(node, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1, "ENABLE_CPU_PINNING": False}
    network = Network(core.compile_model(Model([node], [entry]), DEVICE, settings))
    picture, seconds = np.ones((1, 64, 12, 160), np.float32), []
    for _ in range(_PROBES):
        began = time.perf_counter()
        network.run(picture)
        seconds.append(time.perf_counter() - began)
    return min(seconds)
