"""A fraction of a card, as each framework is held to it and as each tells what it holds.

No card is here: what stands in for one stands where the framework's own functions, or the driver's, would answer.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import engines
from engines.devices import gpu, onnx_device, tensorflow_device, torch_device
from engines.devices.onnx_device import CPU, CUDA, ONNX_RUNTIME
from engines.devices.tensorflow_device import TENSORFLOW
from engines.devices.torch_device import TORCH
from ocr import Card, CardMemory, LoadOptions, NoCard
from ocr.errors import EngineUnavailable
from ocr.runtime.gpu_memory import OVERHEAD_BYTES

Pretend = Callable[[ModuleType], None]

TOTAL = 16_000_000_000
ON_CARD = LoadOptions(device="cuda", gpu_fraction=0.25)


def module(name: str, **members: Any) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(members)
    return made


@pytest.fixture
def _driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver with one card, which counts 1.5 GB for this process and 9 GB for another."""

    def device_total(total: Any, _device: Any) -> int:
        total._obj.value = TOTAL
        return 0

    def processes(_device: Any, count: Any, listed: Any) -> int:
        for place, (pid, used) in enumerate([(os.getpid() + 1, 9_000_000_000), (os.getpid(), 1_500_000_000)]):
            listed[place].pid, listed[place].used_bytes = pid, used
        count._obj.value = 2
        return 0

    def ok(*_: Any) -> int:
        return 0

    libraries = {
        "libcuda.so.1": SimpleNamespace(cuInit=ok, cuDeviceGet=ok, cuDeviceTotalMem_v2=device_total),
        "libnvidia-ml.so.1": SimpleNamespace(
            nvmlInit_v2=ok,
            nvmlDeviceGetHandleByIndex_v2=ok,
            nvmlDeviceGetComputeRunningProcesses_v3=processes,
        ),
    }
    monkeypatch.setattr(ctypes, "CDLL", libraries.__getitem__)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")


@pytest.fixture
def pretend() -> Iterator[Pretend]:
    """Puts a module in the place of a framework, until the test ends."""
    with pytest.MonkeyPatch.context() as patched:
        yield lambda module: patched.setitem(sys.modules, module.__name__, module)


class FakeTorch:
    """The functions of torch that are called, over a card or none."""

    def __init__(self, *, card: bool = True) -> None:
        self.fractions: list[tuple[float, int]] = []
        self.cuda = SimpleNamespace(
            is_available=lambda: card,
            set_per_process_memory_fraction=lambda fraction, device: self.fractions.append((fraction, device)),
            get_device_properties=lambda _: SimpleNamespace(total_memory=TOTAL),
            memory_allocated=lambda _: 1_000_000_000,
            memory_reserved=lambda _: 1_200_000_000,
        )

    def module(self) -> ModuleType:
        return module("torch", cuda=self.cuda, __version__="2.15", set_num_threads=lambda _: None)


def fake_tensorflow(limits: list[int], *, cards: int = 1, started: bool = False) -> ModuleType:
    def limit(_card: object, devices: list[SimpleNamespace]) -> None:
        if started:
            raise RuntimeError("Virtual devices cannot be modified after being initialized")
        limits.extend(device.memory_limit for device in devices)

    config = SimpleNamespace(
        threading=SimpleNamespace(
            set_intra_op_parallelism_threads=lambda _: None, set_inter_op_parallelism_threads=lambda _: None
        ),
        list_physical_devices=lambda _: ["GPU:0"] * cards,
        set_visible_devices=lambda _devices, _kind: None,
        LogicalDeviceConfiguration=SimpleNamespace,
        set_logical_device_configuration=limit,
        experimental=SimpleNamespace(get_memory_info=lambda _: {"current": 700_000_000, "peak": 900_000_000}),
    )
    return module("tensorflow", config=config, __version__="2.21")


def fake_onnxruntime(*providers: str) -> ModuleType:
    return module(
        "onnxruntime", __version__="1.32", get_available_providers=lambda: list(providers), preload_dlls=lambda: None
    )


@pytest.mark.usefixtures("_driver")
def test_torch_is_held_to_its_fraction_and_tells_what_it_holds(pretend: Pretend) -> None:
    torch = FakeTorch()
    pretend(torch.module())
    assert torch_device.prepare("trocr", ON_CARD) == "cuda"
    assert torch.fractions == [(0.25, 0)]
    assert TORCH.memory(0.25) == CardMemory("torch", TOTAL // 4, 1_000_000_000, 1_200_000_000, 1_500_000_000)


@pytest.mark.usefixtures("_driver")
def test_tensorflow_gets_a_logical_device_of_its_share(pretend: Pretend) -> None:
    limits: list[int] = []
    pretend(fake_tensorflow(limits))
    tensorflow_device.prepare("emnist_cnn", ON_CARD)
    assert limits == [TOTAL // 4 // 2**20], "in MiB"
    held = TENSORFLOW.memory(0.25)
    assert (held.limit_bytes, held.allocated_bytes, held.process_bytes) == (TOTAL // 4, 700_000_000, 1_500_000_000)


@pytest.mark.usefixtures("_driver")
def test_tensorflow_that_started_without_a_limit_is_refused(pretend: Pretend) -> None:
    pretend(fake_tensorflow([], started=True))
    with pytest.raises(EngineUnavailable, match="after being initialized") as caught:
        tensorflow_device.prepare("emnist_cnn", ON_CARD)
    assert "process of its own" in caught.value.hint


@pytest.mark.usefixtures("_driver")
def test_the_arena_of_onnx_runtime_has_the_limit(pretend: Pretend) -> None:
    pretend(fake_onnxruntime(CUDA, CPU))
    chosen = onnx_device.providers(ON_CARD)
    assert chosen["providers"] == [CUDA, CPU]
    assert chosen["provider_options"][0]["gpu_mem_limit"] == TOTAL // 4
    held = ONNX_RUNTIME.memory(0.25)
    assert (held.limit_bytes, held.allocated_bytes, held.process_bytes) == (TOTAL // 4, None, 1_500_000_000)


def test_on_a_cpu_onnx_runtime_is_told_nothing_of_cards() -> None:
    assert onnx_device.providers(LoadOptions()) == {}


def test_onnx_runtime_that_falls_back_to_the_cpu_is_refused() -> None:
    onnx_device.require_on_card(SimpleNamespace(get_providers=lambda: [CUDA, CPU]))
    with pytest.raises(EngineUnavailable, match="fell back to the CPU"):
        onnx_device.require_on_card(SimpleNamespace(get_providers=lambda: [CPU]))


@pytest.mark.parametrize(
    ("without_card", "card", "said"),
    [
        (FakeTorch(card=False).module, TORCH, "torch 2.15 sees no CUDA card"),
        (lambda: fake_tensorflow([], cards=0), TENSORFLOW, "TensorFlow 2.21 sees no GPU"),
        (lambda: fake_onnxruntime(CPU), ONNX_RUNTIME, "built without CUDA"),
    ],
)
@pytest.mark.usefixtures("_driver")
def test_a_framework_that_sees_no_card_is_refused_where_the_driver_has_one(
    pretend: Pretend, without_card: Callable[[], ModuleType], card: Card, said: str
) -> None:
    pretend(without_card())
    with pytest.raises(EngineUnavailable, match=said) as caught:
        card.require()
    assert caught.value.hint


def test_what_the_driver_counts_is_unknown_without_one_and_for_a_card_that_is_named_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert gpu.process_memory_bytes() is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8d8d1f6e")
    assert gpu.process_memory_bytes() is None


@pytest.mark.parametrize(
    ("held", "over"),
    [
        (CardMemory("torch", 1000, 900, 1000, 1500), ""),
        (CardMemory("torch", 1000, 900, 1001, 1500), "torch holds"),
        (CardMemory("onnxruntime", 1000, None, None, 1000 + OVERHEAD_BYTES), ""),
        (CardMemory("onnxruntime", 1000, None, None, 1001 + OVERHEAD_BYTES), "the driver counts"),
        (CardMemory("onnxruntime", 1000), ""),
    ],
)
def test_a_process_is_over_its_share_by_its_framework_or_by_the_driver(held: CardMemory, over: str) -> None:
    assert held.excess.startswith(over)
    assert bool(held.excess) is bool(over)


class OutOfMemoryError(RuntimeError):
    """Named as torch names its own."""


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("[ONNXRuntimeError] : 6 : Available memory of 12 is smaller than requested bytes of 4096"), True),
        (RuntimeError("shapes do not fit"), False),
        (MemoryError(), False),
    ],
)
def test_a_full_share_is_told_from_other_failures(error: Exception, full: bool) -> None:
    assert gpu.is_out_of_memory(error) is full


def test_every_engine_that_ships_takes_a_fraction_that_its_framework_can_be_held_to_or_says_why_not() -> None:
    for name, spec in engines.specs().items():
        if spec.resources.gpu == 0.0:
            assert isinstance(spec.card, NoCard), name
            assert len(spec.card.reason) > 20
        else:
            assert not isinstance(spec.card, NoCard), name
