"""Networks on the CPU, by OpenVINO. It is imported when it is asked.

Source: https://docs.openvino.ai/2026/openvino-workflow/running-inference/inference-devices-and-modes/cpu-device.html
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ocr.errors import EngineUnavailable
from ocr.interfaces import LoadOptions, Runtime

_DEVICE = "CPU"
_CAPABILITY = "BF16"
FLOAT32, BFLOAT16 = "f32", "bf16"
WORTH_IT = 0.8
"""Of the time in float32: bfloat16 has 8 bits of precision."""
_PROBES = 8

Array = NDArray[Any]
T = TypeVar("T")

log = logging.getLogger("quorum.engines")


class OpenvinoCannotRead(Exception):
    """There is nothing of a model that OpenVINO reads. `str` of it says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Takes and gives arrays, from as many threads at once as it was opened for. A shape that it meets for the first
    time costs some milliseconds more.
    """

    compiled: Any
    _own: threading.local = field(default_factory=threading.local)

    def run(self, *inputs: Array) -> list[Array]:
        """All outputs of the network, for its inputs in their order."""
        request = getattr(self._own, "request", None)
        if request is None:
            request = self._own.request = self.compiled.create_infer_request()
        request.infer(list(inputs), share_inputs=True)
        return [np.array(tensor.data) for tensor in request.output_tensors]  # their memory is the request's

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The only output, for the only input."""
        [output] = self.run(batch)
        return output


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


def open_network(
    model: Path, threads: int, shapes: Iterable[tuple[int, ...]] = (), *, precision: str = FLOAT32
) -> Network:
    """The network of an ONNX file or of OpenVINO's own format on so many threads, having met float32 of these shapes.

    Raises ImportError where OpenVINO is not installed, and RuntimeError when the file is no model.
    """
    import openvino

    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": threads,  # one thread a run: the runs go side by side
        "ENABLE_CPU_PINNING": False,  # each process would take the first core
    }
    network = Network(openvino.Core().compile_model(str(model), _DEVICE, settings))
    for shape in shapes:
        network.run(np.zeros(shape, np.float32))
    return network


def half_precision() -> str:
    """bfloat16 where this processor computes faster in it, else float32. Some have the instructions (AVX-512 BF16) and
    gain nothing by them, so it is tried. Raises ImportError where OpenVINO is not installed.
    """
    import openvino

    core = openvino.Core()
    if _CAPABILITY not in core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES"):
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
    network = Network(core.compile_model(Model([node], [entry]), _DEVICE, settings))
    picture, seconds = np.ones((1, 64, 12, 160), np.float32), []
    for _ in range(_PROBES):
        began = time.perf_counter()
        network.run(picture)
        seconds.append(time.perf_counter() - began)
    return min(seconds)
