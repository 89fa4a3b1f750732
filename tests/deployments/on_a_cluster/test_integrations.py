"""Other people's clients against a real local cluster: the programs of docs/integrations, each with the packages that
its page names, in an environment of its own.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pikepdf
import PIL.Image
import pypdfium2
import pytest
from rapidfuzz.distance import Levenshtein

from tests.fakes.served import free_port, until_it_listens

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
RUN_BY_TESTS = {
    *(f"run: {name}" for name in PROGRAMS),
    *("convert: docling", "run: ocrmypdf", "run: open-webui", "serve: mcp", "ask: mcp"),
}
"""The marks of the pages: which of their programs are run here."""


@pytest.fixture(scope="module")
def url(serving: Callable[[dict[str, Any]], str]) -> str:
    limits = {"timeout_s": 120.0}  # environments are made beside it
    return serving({"engines": [{"name": "tesseract"}], "ready_engines": 1, "limits": limits})


def test_the_programs_are_found() -> None:
    assert {"docling", "tritonclient", "litellm", "mistralai", "mcp", "azure", "paperless"} == set(PROGRAMS)


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


def said_by(
    command: Sequence[str | Path],
    timeout_s: float,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> str:
    """What a program prints that ends well, with single blanks."""
    finished = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    return " ".join(finished.stdout.split())


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_client_reads_the_sample_page(url: str, source: Path, name: str, tmp_path: Path) -> None:
    packages, program = PROGRAMS[name]
    programs = environment(tmp_path / "environment", packages, source)
    assert _ADDRESS in program
    command = [programs / "python", "-c", program.replace(_ADDRESS, url.removeprefix("http://"))]
    environ = {"PATH": f"{programs}:/usr/bin:/bin", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    assert FIRST_WORDS in said_by(command, 200, ROOT, environ)


def test_the_client_of_mcp_reads_over_streamable_http(url: str, source: Path, tmp_path: Path) -> None:
    page = (PAGES / "mcp.md").read_text()
    [command] = re.findall(r"^<!-- serve: mcp -->\n```console\n(.*?)\n```$", page, re.MULTILINE)
    [program] = re.findall(r"<!-- ask: mcp -->\n```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    programs = environment(tmp_path / "environment", PROGRAMS["mcp"][0], source)
    port = free_port()
    environ = {"PATH": f"{programs}:/usr/bin:/bin", "QUORUM_URL": url}
    words = [word.replace("8080", str(port)) for word in shlex.split(command)]
    with subprocess.Popen([programs / words[0], *words[1:]], cwd=ROOT, env=environ) as server:
        try:
            until_it_listens(port)
            asked = [programs / "python", "-c", program.replace("8080", str(port))]
            said = said_by(asked, 100)
        finally:
            server.terminate()
    assert FIRST_WORDS in said


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
    command = [programs / "python", "-c", _WITHOUT_MODELS + program.replace(_ADDRESS, url.removeprefix("http://"))]
    said = said_by(command, 600, tmp_path, {"PATH": f"{programs}:/usr/bin:/bin"})
    truth = " ".join((ROOT / "examples" / "quick.txt").read_text().split())
    assert Levenshtein.distance(said, truth) / len(truth) < 0.1, said


_OPEN_WEBUI_SETTINGS = re.findall(
    r"^<!-- run: open-webui -->\n```\n(.*?)^```$", (PAGES / "open-webui.md").read_text(), re.MULTILINE | re.DOTALL
)
_OPEN_WEBUI_NEEDS = (
    *("aiohttp", "aiosqlite", "authlib", "azure-ai-documentintelligence", "azure-identity", "bcrypt", "beautifulsoup4"),
    *("cryptography", "fastapi", "ftfy", "httpx", "joserfc", "langchain-core", "markdown", "mcp", "orjson", "pillow"),
    *("pyjwt", "python-dotenv", "python-mimeparse", "python-socketio", "pytz", "redis", "requests", "sqlalchemy"),
    *("typer", "uvicorn", "validators"),
)
"""Of some hundred packages of Open WebUI those that its loaders import."""

_PINNED = """
import sys
from importlib.metadata import requires
from packaging.requirements import Requirement
pinned = {needed.name.lower(): needed for needed in map(Requirement, requires("open-webui")) if not needed.marker}
print("\\n".join(str(pinned.get(name, name)) for name in sys.argv[1:]))
"""

_OPEN_WEBUI = """
import sys
from open_webui.config import DEFAULT_CONFIG
from open_webui.retrieval.loaders.main import Loader
for document in Loader(DEFAULT_CONFIG).load("scan.pdf", "application/pdf", sys.argv[1]):
    assert "error" not in document.metadata, document
    print(document.page_content)
"""
"""What Open WebUI does with a file that is uploaded, by its settings."""


@pytest.fixture(scope="module")
def open_webui(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    """The programs of an environment with the Open WebUI that the page names, and what its loaders need."""
    [package] = re.findall(r"^pip install (open-webui==.+)$", (PAGES / "open-webui.md").read_text(), re.MULTILINE)
    programs = environment(tmp_path_factory.mktemp("open_webui") / "environment", f"--no-deps {package}", source)
    subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", "packaging"], check=True, timeout=100)
    asked = subprocess.run(
        [programs / "python", "-c", _PINNED, *_OPEN_WEBUI_NEEDS], check=True, capture_output=True, text=True
    )
    subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", *asked.stdout.split()], check=True)
    return programs


def test_the_settings_of_open_webui_are_found() -> None:
    assert [re.findall("ENGINE=(.+)", each) for each in _OPEN_WEBUI_SETTINGS] == [
        ["external"],
        ["mistral_ocr"],
        ["mistral_ocr"],
        ["document_intelligence"],
    ]


@pytest.mark.parametrize("settings", _OPEN_WEBUI_SETTINGS)
def test_open_webui_reads_a_scan_by_each_of_its_ways(url: str, open_webui: Path, tmp_path: Path, settings: str) -> None:
    with PIL.Image.open(ROOT / "examples" / "quick.png") as image:
        image.convert("RGB").save(tmp_path / "scan.pdf", resolution=150)
    own = dict(line.split("=", 1) for line in settings.replace(f"http://{_ADDRESS}", url).splitlines())
    small = {
        "ENABLE_DB_MIGRATIONS": "False",
        "DATA_DIR": str(tmp_path / "data"),
        "USE_SLIM_DOCKER": "true",
    }
    environ = {"PATH": "/usr/bin:/bin", "FROM_INIT_PY": "true", "WEBUI_SECRET_KEY": "any"}
    command = [open_webui / "python", "-c", _OPEN_WEBUI, tmp_path / "scan.pdf"]
    assert FIRST_WORDS in said_by(command, 300, tmp_path, {**environ, **small, **own})


_N8N = """
const { MistralAi } = require('./package/dist/nodes/MistralAI/MistralAi.node.js');
const fs = require('fs');
const [address, file, mimeType, documentType] = process.argv.slice(2);
const parameters = {
    resource: 'document', operation: 'extractText', model: 'mistral-ocr-latest',
    inputType: 'binary', binaryProperty: 'data', documentType,
};
const n8n = {
    getInputData: () => [{ json: {} }],
    getNodeParameter: (name, index, otherwise) => name in parameters ? parameters[name] : otherwise,
    getNode: () => ({ name: 'Mistral AI', type: 'n8n-nodes-base.mistralAi', typeVersion: 1 }),
    continueOnFail: () => false,
    helpers: {
        assertBinaryData: () => ({ mimeType, fileName: 'scan' }),
        getBinaryDataBuffer: async () => fs.readFileSync(file),
        returnJsonArray: (json) => [{ json }],
        constructExecutionMetaData: (items) => items,
        httpRequestWithAuthentication: async (credentials, { url, method, body }) => {
            const json = 'application/json';
            const headers = { accept: json, 'content-type': json, authorization: 'Bearer none' };
            const place = url.replace('https://api.mistral.ai', address);
            const response = await fetch(place, { method, headers, body: JSON.stringify(body) });
            if (!response.ok) throw new Error(await response.text());
            return response.json();
        },
    },
};
new MistralAi().execute.call(n8n).then(([[item]]) => console.log(item.json.extractedText));
"""
"""n8n's node for Mistral with what n8n gives a node; its address is fixed, so that is another here."""


@pytest.fixture(scope="module")
def n8n(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the nodes of the n8n that the page names, and with what that of Mistral needs."""
    folder = tmp_path_factory.mktemp("n8n")
    version = re.findall(r"`n8n-nodes-base` (\d[\d.]*\d)", (PAGES / "mistral.md").read_text())[0]
    npm = {"cwd": folder, "check": True, "capture_output": True, "text": True, "timeout": 300}
    pack, install = ["npm", "pack", "--silent"], ["npm", "install", "--silent", "--ignore-scripts"]
    packed = subprocess.run([*pack, f"n8n-nodes-base@{version}"], **npm)  # type: ignore[call-overload]
    with tarfile.open(folder / packed.stdout.strip()) as package:
        nodes = [member for member in package if member.name.startswith("package/dist/nodes/MistralAI/")]
        told = json.load(package.extractfile("package/package.json"))  # type: ignore[arg-type]
        package.extractall(folder, nodes, filter="data")
    needed = [f"{name}@{told['dependencies'][name]}" for name in ("n8n-workflow", "form-data", "lodash")]
    subprocess.run([*install, *needed], **npm)  # type: ignore[call-overload]
    (folder / "run.js").write_text(_N8N)
    return folder


@pytest.mark.parametrize("kind", ["image_url", "document_url"])
def test_the_node_of_n8n_for_mistral_reads_the_sample_page(url: str, n8n: Path, kind: str) -> None:
    command = ["node", "run.js", url, ROOT / "examples" / "quick.png", "image/png", kind]
    assert FIRST_WORDS in said_by(command, 100, n8n)


@pytest.fixture(scope="module")
def with_ocrmypdf(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    """The programs of the environment that docs/integrations/ocrmypdf.md makes."""
    page = (PAGES / "ocrmypdf.md").read_text()
    [packages] = re.findall(r"^pip install (.+)$", page, re.MULTILINE)
    return environment(tmp_path_factory.mktemp("ocrmypdf") / "environment", packages, source)


def text_of_out_pdf(command: list[str], programs: Path, folder: Path) -> str:
    """What the first page of out.pdf says, which the command makes in the folder."""
    said_by(command, 300, folder, {"PATH": f"{programs}:/usr/bin:/bin"})
    with pypdfium2.PdfDocument(folder / "out.pdf") as pdf:
        return str(pdf[0].get_textpage().get_text_range())


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
    text = text_of_out_pdf([*command.split(), *options, "--quorum-url", url], with_ocrmypdf, tmp_path)
    truth = " ".join((ROOT / "examples" / "quick.txt").read_text().split())
    assert Levenshtein.distance(" ".join(text.split()), truth) / len(truth) < 0.1, text
    with pikepdf.open(tmp_path / "out.pdf") as pdf_a:
        assert pdf_a.open_metadata().pdfa_status
        assert "Quorum" in str(pdf_a.docinfo["/Creator"])


_BY_HOCR = """
import sys
from ocrmypdf.__main__ import run
from quorum.plugins.ocrmypdf import QuorumEngine
QuorumEngine.supports_generate_ocr = staticmethod(lambda: False)
sys.exit(run(sys.argv[1:]))
"""
"""OCRmyPDF where it takes no tree of words, but hOCR."""


def test_ocrmypdf_takes_our_hocr_where_it_takes_no_tree(url: str, with_ocrmypdf: Path, tmp_path: Path) -> None:
    with PIL.Image.open(ROOT / "examples" / "quick.png") as image:
        image.convert("RGB").save(tmp_path / "scan.pdf", resolution=150)
    command = [
        str(with_ocrmypdf / "python"),
        "-c",
        _BY_HOCR,
        "--use-threads",
        "--quorum-url",
        url,
        "scan.pdf",
        "out.pdf",
    ]
    assert FIRST_WORDS in " ".join(text_of_out_pdf(command, with_ocrmypdf, tmp_path).split())


_FRAMEWORKS = """
from importlib.util import find_spec
print([name for name in ("ray", "torch", "tensorflow", "onnxruntime", "openvino", "quorum") if find_spec(name)])
"""


def test_the_plugin_of_ocrmypdf_brings_neither_a_cluster_nor_an_engine(with_ocrmypdf: Path) -> None:
    asked = [with_ocrmypdf / "python", "-c", _FRAMEWORKS]
    assert subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip() == "['quorum']"
