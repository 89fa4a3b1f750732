"""ONNX Runtime with the share of the card that an engine was given. It is imported when it is asked.

Its arena has a limit, and does not tell how full it is; what the driver counts for the process stands in for that.
Source: https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from engines.devices.gpu import memory_limit_bytes, process_memory_bytes, total_memory_bytes
from ocr.errors import EngineUnavailable
from ocr.interfaces import LoadOptions
from ocr.runtime.gpu_memory import CardMemory

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


class _Session(Protocol):
    def get_providers(self) -> list[str]:
        """Where the session runs, by preference."""


def providers(options: LoadOptions) -> dict[str, Any]:
    """`providers` and `provider_options` of a session; empty on a CPU.

    Raises EngineUnavailable when on "cuda" there is no card.
    """
    if options.device == "cpu":
        return {}
    ONNX_RUNTIME.require()
    limits: dict[str, int | str] = {"device_id": 0}
    if options.gpu_fraction > 0.0:
        # The arena grows by what is asked for, not by doubling: a limit that it would overshoot refuses too soon.
        grown = {"arena_extend_strategy": "kSameAsRequested"}
        limits = {**limits, **grown, "gpu_mem_limit": memory_limit_bytes(options.gpu_fraction)}
    return {"providers": [CUDA, CPU], "provider_options": [limits, {}]}


def require_on_card(session: _Session) -> None:
    """ONNX Runtime goes on without the card when CUDA's libraries do not load, and only warns. Raises
    EngineUnavailable then.
    """
    if session.get_providers()[0] != CUDA:
        raise EngineUnavailable(
            "ONNX Runtime fell back to the CPU: CUDA or cuDNN did not load", "cluster/gpu/onnxruntime.txt has both"
        )


@dataclass(frozen=True, slots=True)
class OnnxRuntimeCard:
    """The first card that ONNX Runtime sees."""

    framework: str = "onnxruntime"

    def require(self) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise EngineUnavailable(
                f"ONNX Runtime is not installed: {error}", "cluster/gpu/onnxruntime.txt has it"
            ) from error
        if CUDA not in onnxruntime.get_available_providers():
            raise EngineUnavailable(
                f"ONNX Runtime {onnxruntime.__version__} was built without CUDA", "cluster/gpu/onnxruntime.txt has both"
            )
        total_memory_bytes()  # raises where there is no driver or no card
        onnxruntime.preload_dlls()  # CUDA's libraries from their wheels, as nobody else here loads them

    def memory(self, fraction: float) -> CardMemory:
        return CardMemory(self.framework, memory_limit_bytes(fraction), process_bytes=process_memory_bytes())


ONNX_RUNTIME = OnnxRuntimeCard()
