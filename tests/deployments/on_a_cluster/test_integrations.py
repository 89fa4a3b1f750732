"""Other people's clients against a real local cluster: the programs of docs/integrations, each with the packages that
its page names, in an environment of its own.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pikepdf
import PIL.Image
import pypdfium2
import pytest
from rapidfuzz.distance import Levenshtein

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "integrations"
FIRST_WORDS = " ".join((ROOT / "examples" / "quick.txt").read_text().split()[:3])
_PROGRAM = re.compile(
    r"^```console\npip install (?P<packages>[^\n]+)\n```\n(?:(?!^```console).)*?"
    r"<!-- run: (?P<name>\w+) -->\n```python\n(?P<program>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_ADDRESS = "127.0.0.1:8000"

PROGRAMS = {
    found["name"]: (found["packages"], found["program"])
    for page in sorted(PAGES.glob("*.md"))
    for found in _PROGRAM.finditer(page.read_text())
}


@pytest.fixture(scope="module")
def url(serving: Callable[[dict[str, Any]], str]) -> str:
    return serving({"engines": [{"name": "tesseract"}], "ready_engines": 1})


def test_the_programs_are_found() -> None:
    assert {"docling", "tritonclient", "litellm", "mcp"} <= set(PROGRAMS)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This tree, where pip may build a package of it."""
    copy = tmp_path_factory.mktemp("source") / "quorum"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "runs", "build", "*.egg-info"))
    return copy


def environment(folder: Path, packages: str, source: Path) -> Path:
    """A new environment with what a page says to install, `quorum-ocr` from this tree; its folder of programs."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    wanted = [package.replace("quorum-ocr", str(source)) for package in shlex.split(packages)]
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True, timeout=600)
    return folder / "bin"


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_client_reads_the_sample_page(url: str, source: Path, name: str, tmp_path: Path) -> None:
    packages, program = PROGRAMS[name]
    programs = environment(tmp_path / "environment", packages, source)
    assert _ADDRESS in program
    finished = subprocess.run(
        [programs / "python", "-c", program.replace(_ADDRESS, url.removeprefix("http://"))],
        cwd=ROOT,
        env={"PATH": f"{programs}:/usr/bin:/bin", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert FIRST_WORDS in " ".join(finished.stdout.split())


_WITHOUT_MODELS = """
from docling.datamodel.base_models import LayoutPrediction
from docling.models.base_layout_model import BaseLayoutModel
from docling.models.factories import get_layout_factory, get_table_structure_factory

class NoRegions(BaseLayoutModel):
    def __init__(self, options, **_):
        self.options = options

    def get_options_type(self):
        return type(self.options)

    def predict_layout(self, conv_res, pages):
        return [LayoutPrediction() for _ in pages]

class NoTables:
    def __init__(self, **_):
        self.enabled = False

    def __call__(self, conv_res, pages):
        yield from pages

for factory_of, nothing in ((get_layout_factory, NoRegions), (get_table_structure_factory, NoTables)):
    factory = factory_of(allow_external_plugins=False)
    for options in factory.classes:
        factory.classes[options] = nothing
"""
"""What stands before a program of docling's: its models of layout and of tables, which lie on a hub, find nothing."""


def test_docling_converts_a_scan(url: str, tmp_path: Path, source: Path) -> None:
    page = (PAGES / "open-inference.md").read_text()
    [program] = re.findall(r"<!-- convert: docling -->\n```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    programs = environment(tmp_path / "environment", "docling-slim[convert-core,format-pdf]==2.143.0", source)
    # docling imports torch, whatever it is asked for: the project's own serves.
    [packages] = (tmp_path / "environment" / "lib").glob("python*/site-packages")
    (packages / "project.pth").write_text(sysconfig.get_path("purelib"))
    with PIL.Image.open(ROOT / "examples" / "quick.png") as image:
        image.convert("RGB").save(tmp_path / "scan.pdf", resolution=150)
    finished = subprocess.run(
        [programs / "python", "-c", _WITHOUT_MODELS + program.replace(_ADDRESS, url.removeprefix("http://"))],
        cwd=tmp_path,
        env={"PATH": f"{programs}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    truth = " ".join((ROOT / "examples" / "quick.txt").read_text().split())
    said = " ".join(finished.stdout.split())
    assert Levenshtein.distance(said, truth) / len(truth) < 0.1, said


def test_what_open_webui_sends_is_answered(url: str) -> None:
    [command] = re.findall(r"^```bash\n(.*?)^```$", (PAGES / "open-webui.md").read_text(), re.MULTILINE | re.DOTALL)
    subprocess.run(["bash", "-c", command.replace(_ADDRESS, url.removeprefix("http://"))], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def with_ocrmypdf(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    """The programs of the environment that docs/integrations/ocrmypdf.md makes."""
    page = (PAGES / "ocrmypdf.md").read_text()
    [packages] = re.findall(r"^pip install (.+)$", page, re.MULTILINE)
    return environment(tmp_path_factory.mktemp("ocrmypdf") / "environment", packages, source)


@pytest.mark.parametrize(("turned", "options"), [(0, []), (90, ["--rotate-pages"]), (3, []), (3, ["--deskew"])])
def test_ocrmypdf_writes_a_pdf_a_with_our_text(
    url: str, with_ocrmypdf: Path, tmp_path: Path, turned: int, options: list[str]
) -> None:
    page = (PAGES / "ocrmypdf.md").read_text()
    [command] = re.findall(r"<!-- run: ocrmypdf -->\n```bash\n(.*?)\n```", page, re.DOTALL)
    with PIL.Image.open(ROOT / "examples" / "quick.png") as image:
        scan = image.convert("RGB").rotate(
            turned, expand=True, fillcolor="white", resample=PIL.Image.Resampling.BICUBIC
        )
        scan.save(tmp_path / "scan.pdf", resolution=150)
    finished = subprocess.run(
        [*command.split(), *options, "--quorum-url", url],
        cwd=tmp_path,
        env={"PATH": f"{with_ocrmypdf}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    with pypdfium2.PdfDocument(tmp_path / "out.pdf") as pdf:
        text = pdf[0].get_textpage().get_text_range()
    truth = " ".join((ROOT / "examples" / "quick.txt").read_text().split())
    assert Levenshtein.distance(" ".join(text.split()), truth) / len(truth) < 0.1, text
    with pikepdf.open(tmp_path / "out.pdf") as pdf_a:
        assert pdf_a.open_metadata().pdfa_status
        assert "Quorum" in str(pdf_a.docinfo["/Creator"])
