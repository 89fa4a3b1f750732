"""An ONNX network in bfloat16, by OpenVINO, on processors that compute in it (AVX-512 BF16, AMX).

PaddleOCR's recogniser takes half the processor time of ONNX Runtime so, which computes in float32, for as many errors
(docs/log.md). On other processors OpenVINO is no faster, and is not used; nor where it is not installed.
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

_DEVICE = "CPU"
_CAPABILITY = "BF16"


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Takes float32 and gives float32, from as many threads at once as it was opened for. A shape that it meets for the
    first time costs some tens of milliseconds more.
    """

    compiled: Any
    _own: threading.local = field(default_factory=threading.local)

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The first output of the network."""
        request = getattr(self._own, "request", None)
        if request is None:
            request = self._own.request = self.compiled.create_infer_request()
        request.infer([batch])
        return np.array(request.get_output_tensor(0).data)  # its memory is the request's


def open_network(model: Path, threads: int, shapes: Iterable[tuple[int, ...]]) -> Network | None:
    """The network of an ONNX file on so many threads, having met these shapes; None where it would not be faster.

    Raises RuntimeError when the file is no model.
    """
    try:
        import openvino
    except ImportError:
        return None
    core = openvino.Core()
    if _CAPABILITY not in core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES"):
        return None
    # One thread a run: the runs go side by side.
    settings = {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": threads}
    network = Network(core.compile_model(str(model), _DEVICE, settings))
    for shape in shapes:
        network(np.zeros(shape, np.float32))
    return network
