"""Importing a framework without what is not used of it; and limits of a card that is not there."""

from __future__ import annotations

import sys
import warnings

import pytest

from engines.common.module_stubs import stubbed_modules
from engines.devices import gpu
from ocr.errors import EngineUnavailable


def test_an_unused_module_is_empty_inside_and_free_afterwards(tmp_path, monkeypatch):
    (tmp_path / "heavy_thing.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    with stubbed_modules("heavy_thing"):
        import heavy_thing

        assert not hasattr(heavy_thing, "VALUE")
    import heavy_thing as real

    assert real.VALUE == 1
    monkeypatch.delitem(sys.modules, "heavy_thing")


def test_an_absent_module_is_not_found_inside_and_free_afterwards(tmp_path, monkeypatch):
    (tmp_path / "heavier_thing.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    with stubbed_modules(absent=["heavier_thing"]), pytest.raises(ImportError):
        import heavier_thing  # noqa: F401
    import heavier_thing as real

    assert real.VALUE == 1
    monkeypatch.delitem(sys.modules, "heavier_thing")


def test_a_module_that_is_loaded_already_stays():
    with stubbed_modules("json"):
        import json

        assert json.loads("1") == 1
    assert "json" in sys.modules


def test_warnings_of_an_import_are_not_shown():
    with warnings.catch_warnings(record=True) as seen, stubbed_modules():
        warnings.warn("I am deprecated", DeprecationWarning, stacklevel=1)
    assert seen == []


def test_a_limit_without_a_driver_is_unavailable(monkeypatch):
    def refuse(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr("ctypes.CDLL", refuse)
    with pytest.raises(EngineUnavailable, match="no NVIDIA driver") as caught:
        gpu.memory_limit_bytes(0.5)
    assert "num_gpus" in caught.value.hint
