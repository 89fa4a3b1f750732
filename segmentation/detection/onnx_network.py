"""Opening an ONNX model on the CPU. OpenVINO is imported when the first model is opened, not before.

On one thread of a processor with AVX-512 it takes a third of ONNX Runtime's time for the detector, with the same
answers to 2e-6. This file does not know what a model is for.
"""

from __future__ import annotations

from pathlib import Path

from ocr.errors import EngineUnavailable
from ocr.runtime import openvino_network

MODEL_FILE = "inference.onnx"


def open_network(model: Path, threads: int) -> openvino_network.Network:
    """What computes `model`, a file or a directory with `inference.onnx`: one input, one output, one run at a time, on
    all of the threads.

    Raises:
        EngineUnavailable: OpenVINO is not installed, or there is no such model, or it cannot be read.
    """
    path = model / MODEL_FILE if model.is_dir() else model
    if not path.is_file():
        raise EngineUnavailable(f"segmentation: no model at {path}", "give the directory of an ONNX model, or none")
    try:
        return openvino_network.open_network(path, threads, streams=1)
    except ImportError as error:
        raise EngineUnavailable(
            "segmentation: openvino is not installed", "pip install 'quorum-ocr[segmentation]'"
        ) from error
    except RuntimeError as error:
        raise EngineUnavailable(
            f"segmentation: {path} is not an ONNX model: {error}", "fetch the model again"
        ) from error
