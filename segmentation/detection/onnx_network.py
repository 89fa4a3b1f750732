"""Opening an ONNX model on the CPU. OpenVINO is imported when the first model is opened, not before.

On one thread of a processor with AVX-512 it takes a third of ONNX Runtime's time for the detector, with the same
answers to 2e-6. This file does not know what a model is for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ocr.errors import EngineUnavailable
from ocr.runtime import openvino_network

MODEL_FILE = "inference.onnx"


@dataclass(slots=True)
class SerialNetwork:
    """One run at a time. Before an input larger than all that it holds memory for, that memory is let go: blocks that
    grow one by one leave the old ones in the allocator's heap, 200 MB of them for a page.
    """

    network: openvino_network.Network
    _largest: int = 0

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The only output, for the only input."""
        if batch.size > self._largest:
            self.release_memory()
            self._largest = batch.size
        return self.network(batch)

    def release_memory(self) -> None:
        """Let go of what the last runs have computed in."""
        self.network.release_memory()
        self._largest = 0


def open_network(model: Path, threads: int) -> SerialNetwork:
    """What computes `model`, a file or a directory with `inference.onnx`, on all of the threads at once.

    Raises:
        EngineUnavailable: OpenVINO is not installed, or there is no such model, or it cannot be read.
    """
    path = model / MODEL_FILE if model.is_dir() else model
    if not path.is_file():
        raise EngineUnavailable(f"segmentation: no model at {path}", "give the directory of an ONNX model, or none")
    try:
        return SerialNetwork(openvino_network.open_network(path, threads, streams=1))
    except ImportError as error:
        raise EngineUnavailable(
            "segmentation: openvino is not installed", "pip install 'quorum-ocr[segmentation]'"
        ) from error
    except RuntimeError as error:
        raise EngineUnavailable(
            f"segmentation: {path} is not an ONNX model: {error}", "fetch the model again"
        ) from error
