"""An engine is a file with a SPEC, in the folder or anywhere on the path of imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import engines
from ocr.errors import OutOfRange

ENGINE = """
from tests.fakes.engines import ScriptedEngine, spec_of
from ocr import Hypothesis
SPEC = spec_of({name!r}, lambda: ScriptedEngine(Hypothesis.of_text("hello", 0.9)))
"""

FRAMEWORKS = (
    "torch",
    "tensorflow",
    "keras",
    "paddleocr",
    "easyocr",
    "transformers",
    "onnxruntime",
    "pytesseract",
    "PIL",
)


@pytest.fixture
def drop_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files are found as if they lay in engines/."""
    monkeypatch.setattr(engines, "__path__", [*engines.__path__, str(tmp_path)])
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(f"engines.{path.stem}", None)


def test_a_file_that_is_dropped_in_is_an_engine(drop_in):
    (drop_in / "greeter.py").write_text(ENGINE.format(name="greeter"))
    assert "greeter" in engines.specs()
    assert engines.spec("greeter").name == "greeter"


def test_a_module_without_spec_is_no_engine(drop_in):
    (drop_in / "shared_thing.py").write_text("VALUE = 1\n")
    assert "shared_thing" not in engines.specs()


def test_two_files_cannot_claim_one_name(drop_in):
    (drop_in / "another.py").write_text(ENGINE.format(name="tesseract"))
    with pytest.raises(ValueError, match="'tesseract' is taken"):
        engines.specs()


def test_an_engine_outside_is_named_by_its_import_path():
    assert engines.spec("tests.fakes.engines").name == "scripted"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(OutOfRange, match="no engine 'tesserakt'") as caught:
        engines.spec("tesserakt")
    assert "tesseract" in caught.value.hint


@pytest.mark.parametrize("path", ["no.such.module", "ocr.geometry"])
def test_a_path_without_an_engine_is_refused(path):
    with pytest.raises(OutOfRange, match=path):
        engines.spec(path)


@pytest.mark.processes
def test_looking_at_the_engines_loads_no_framework():
    look = f"import sys, engines; engines.specs(); print([name for name in {FRAMEWORKS!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert done.stdout.strip() == "[]"
