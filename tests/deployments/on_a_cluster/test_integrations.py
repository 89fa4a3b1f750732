"""Other people's clients against a real local cluster: the programs of docs/integrations, each with the packages that
its page names, in an environment of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "integrations"
FIRST_WORDS = " ".join((ROOT / "examples" / "quick.txt").read_text().split()[:3])
_PROGRAM = re.compile(
    r"^```console\npip install (?P<packages>[^\n]+)\n```\n+"
    r"<!-- run: (?P<name>\w+) -->\n```python\n(?P<program>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_ADDRESS = "127.0.0.1:8000"

PROGRAMS = {
    found["name"]: (found["packages"].split(), found["program"])
    for page in sorted(PAGES.glob("*.md"))
    for found in _PROGRAM.finditer(page.read_text())
}


@pytest.fixture(scope="module")
def url(serving: Callable[[dict[str, Any]], str]) -> str:
    return serving({"engines": [{"name": "tesseract"}], "ready_engines": 1})


def test_the_programs_are_found() -> None:
    assert {"docling", "tritonclient", "litellm"} <= set(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_client_reads_the_sample_page(url: str, name: str, tmp_path: Path) -> None:
    packages, program = PROGRAMS[name]
    python = tmp_path / "environment" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "environment"], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True, timeout=600)
    assert _ADDRESS in program
    finished = subprocess.run(
        [python, "-c", program.replace(_ADDRESS, url.removeprefix("http://"))],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert FIRST_WORDS in " ".join(finished.stdout.split())


def test_what_open_webui_sends_is_answered(url: str) -> None:
    [command] = re.findall(r"^```bash\n(.*?)^```$", (PAGES / "open-webui.md").read_text(), re.MULTILINE | re.DOTALL)
    subprocess.run(["bash", "-c", command.replace(_ADDRESS, url.removeprefix("http://"))], cwd=ROOT, check=True)
