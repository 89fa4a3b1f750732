"""What NVIDIA's driver tells of the card, without a framework: how much memory it has, how much this process holds.

Ray's fraction of a GPU is bookkeeping: an engine that takes more harms its neighbours on the card, so each engine turns
its fraction into a limit of its framework. Bytes everywhere.
Sources: CUDA Driver API, cuDeviceTotalMem, https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__DEVICE.html;
NVML, nvmlDeviceGetComputeRunningProcesses, https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html
"""

from __future__ import annotations

import ctypes
import os

from ocr.errors import EngineUnavailable

REMEDY = "set the engine's gpu and num_gpus to 0, or run it on a node with an NVIDIA card and driver"

_MOST_PROCESSES = 128

# How frameworks say that there is no more memory in their share: classes of torch and TensorFlow, words of ONNX
# Runtime's arena.
_EXHAUSTED_CLASSES = frozenset({"OutOfMemoryError", "ResourceExhaustedError"})
_EXHAUSTED_WORDS = ("Failed to allocate memory for requested buffer", "Available memory of ")


class _Process(ctypes.Structure):
    """nvmlProcessInfo_t of version 3."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("used_bytes", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


def memory_limit_bytes(fraction: float) -> int:
    """`fraction` of the memory of the first card that this process may see. Raises as `total_memory_bytes` does."""
    return int(fraction * total_memory_bytes())


def total_memory_bytes() -> int:
    """The memory of the first card that this process may see. Raises EngineUnavailable without a card or a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise EngineUnavailable(f"no NVIDIA driver on this node: {error}", REMEDY) from error
    device, total = ctypes.c_int(), ctypes.c_size_t()
    for call, arguments in (
        (driver.cuInit, (0,)),
        (driver.cuDeviceGet, (ctypes.byref(device), 0)),
        (driver.cuDeviceTotalMem_v2, (ctypes.byref(total), device)),
    ):
        status = call(*arguments)
        if status != 0:
            raise EngineUnavailable(f"the NVIDIA driver answered {call.__name__} with error {status}", REMEDY)
    return total.value


def process_memory_bytes() -> int | None:
    """What the driver counts for this process, CUDA's own share included; None where it does not tell.

    In a container with numbers of processes of its own the driver may know this one under another.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    if not visible.isdecimal():  # a card named by its UUID, or a part of one: not asked for
        return None
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    device, count = ctypes.c_void_p(), ctypes.c_uint(_MOST_PROCESSES)
    processes = (_Process * _MOST_PROCESSES)()
    asked = (
        (nvml.nvmlInit_v2, ()),
        (nvml.nvmlDeviceGetHandleByIndex_v2, (int(visible), ctypes.byref(device))),
        (nvml.nvmlDeviceGetComputeRunningProcesses_v3, (device, ctypes.byref(count), processes)),
    )
    if any(call(*arguments) != 0 for call, arguments in asked):
        return None
    held = [process.used_bytes for process in processes[: count.value] if process.pid == os.getpid()]
    return sum(held) if held else None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a framework raised this because its share of the card is full."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & _EXHAUSTED_CLASSES) or any(word in str(error) for word in _EXHAUSTED_WORDS)
