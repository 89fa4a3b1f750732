"""How much memory of the card a fraction is. Asked of the driver itself, so that no framework has to be loaded for it.

Ray's fraction of a GPU is bookkeeping: an engine that takes more harms its neighbours on the card, so each engine turns
its fraction into a limit of its framework.
Source: CUDA Driver API, cuDeviceTotalMem, https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__DEVICE.html
"""

from __future__ import annotations

import ctypes

from ocr.errors import EngineUnavailable

_REMEDY = "set the engine's num_gpus to 0, or run it on a node with an NVIDIA card and driver"


def memory_limit_bytes(fraction: float) -> int:
    """`fraction` of the memory of the first card that this process may see, in bytes.

    Raises EngineUnavailable when there is no card or no driver.
    """
    return int(fraction * total_memory_bytes())


def total_memory_bytes() -> int:
    """The memory of the first card that this process may see. Raises EngineUnavailable when there is none."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise EngineUnavailable(f"no NVIDIA driver on this node: {error}", _REMEDY) from error
    device, total = ctypes.c_int(), ctypes.c_size_t()
    for call, arguments in (
        (driver.cuInit, (0,)),
        (driver.cuDeviceGet, (ctypes.byref(device), 0)),
        (driver.cuDeviceTotalMem_v2, (ctypes.byref(total), device)),
    ):
        status = call(*arguments)
        if status != 0:
            raise EngineUnavailable(f"the NVIDIA driver answered {call.__name__} with error {status}", _REMEDY)
    return total.value
