"""PyTorch with the threads and the share of the card that an engine was given. torch is imported when it is called."""

from __future__ import annotations

from dataclasses import dataclass

from engines.devices.gpu import REMEDY, process_memory_bytes
from ocr.errors import EngineUnavailable
from ocr.interfaces import LoadOptions
from ocr.runtime.gpu_memory import CardMemory


def prepare(engine: str, options: LoadOptions) -> str:
    """Set the threads and the limit of memory of this process; the name of the device to load on.

    Raises EngineUnavailable when torch, or on "cuda" the card, is missing.
    """
    try:
        import torch
    except ImportError as error:
        raise EngineUnavailable(f"{engine}: torch is not installed", f"pip install 'quorum-ocr[{engine}]'") from error
    torch.set_num_threads(options.threads)
    if options.device == "cpu":
        return "cpu"
    TORCH.require()
    if options.gpu_fraction > 0.0:
        torch.cuda.set_per_process_memory_fraction(options.gpu_fraction, 0)
    return "cuda"


@dataclass(frozen=True, slots=True)
class TorchCard:
    """The first card that torch sees. Its caching allocator refuses to reserve more than the limit."""

    framework: str = "torch"

    def require(self) -> None:
        try:
            import torch
        except ImportError as error:
            raise EngineUnavailable(f"torch is not installed: {error}", "cluster/gpu/torch.txt has it") from error
        if not torch.cuda.is_available():
            raise EngineUnavailable(f"torch {torch.__version__} sees no CUDA card on this node", REMEDY)

    def memory(self, fraction: float) -> CardMemory:
        import torch

        total = torch.cuda.get_device_properties(0).total_memory
        return CardMemory(
            self.framework,
            int(fraction * total),
            torch.cuda.memory_allocated(0),
            torch.cuda.memory_reserved(0),
            process_memory_bytes(),
        )


TORCH = TorchCard()
