"""A network that OpenVINO computes on the CPU. It is imported when it is asked.

Source: https://docs.openvino.ai/2026/openvino-workflow/running-inference/inference-devices-and-modes/cpu-device.html
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocr.runtime.process_memory import give_back_freed

DEVICE = "CPU"
FLOAT32, BFLOAT16 = "f32", "bf16"

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Takes and gives arrays, from as many threads at once as it has streams. A shape that it meets for the first time
    costs some milliseconds more.
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

    def release_memory(self) -> None:
        """Give the system what the last runs have computed in, which is kept for the next one. No run may be under way.
        The next one takes a quarter longer.
        """
        self.compiled.release_memory()
        give_back_freed()


def open_network(
    model: Path,
    threads: int,
    shapes: Iterable[tuple[int, ...]] = (),
    *,
    precision: str = FLOAT32,
    streams: int | None = None,
) -> Network:
    """The network of an ONNX file or of OpenVINO's own format on so many threads, having met float32 of these shapes.

    At most `streams` runs go side by side, each on its part of the threads and in memory of its own. None is as many
    as there are threads.

    Raises ImportError where OpenVINO is not installed, and RuntimeError when the file is no model.
    """
    import openvino

    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams or threads,
        "ENABLE_CPU_PINNING": False,  # each process would take the first core
    }
    network = Network(openvino.Core().compile_model(str(model), DEVICE, settings))
    for shape in shapes:
        network.run(np.zeros(shape, np.float32))
    return network
