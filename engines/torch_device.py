"""PyTorch with the threads and the share of the card that an engine was given. torch is imported when it is called."""

from __future__ import annotations

from ocr.errors import EngineUnavailable
from ocr.ports import LoadOptions


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
    if not torch.cuda.is_available():
        raise EngineUnavailable(
            f"{engine}: torch {torch.__version__} sees no CUDA card on this node", "set the engine's num_gpus to 0"
        )
    if options.gpu_fraction > 0.0:
        torch.cuda.set_per_process_memory_fraction(options.gpu_fraction, 0)
    return "cuda"
