"""Programs that read our formats, each a program in an environment of its own and pinned: they find every word."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pikepdf
import PIL.Image
import pytest

from deployments.gateway.formats import OutputPage, format_named
from tests.deployments.gateway.formats.drawn_page import LINES, NAME, drawn_page
from tests.deployments.gateway.formats.test_formats import FIVE_WORDS, sideways
from tests.fakes.answers import document_of

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timeout(900)]

WRITTEN = [text for text in LINES if text]
WORDS = " ".join(WRITTEN).split()
Programs = Callable[..., Path]


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The folder of programs of an environment with these packages, made once."""
    made: dict[tuple[str, ...], Path] = {}

    def environment(*packages: str) -> Path:
        if packages not in made:
            folder = tmp_path_factory.mktemp("environment") / "made"
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, *packages], check=True, timeout=800)
            made[packages] = folder / "bin"
        return made[packages]

    return environment


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the picture of a page and its files in every format, and two pages of it as hOCR."""
    folder = tmp_path_factory.mktemp("files")
    page = drawn_page()
    assert page.picture is not None
    with PIL.Image.open(io.BytesIO(page.picture.content)) as picture:
        picture.save(folder / NAME, dpi=page.picture.dpi)
        picture.save(folder / "one.jpg", dpi=tuple(map(int, page.picture.dpi)))
    for form in ("hocr", "alto", "page", "pdf"):
        (folder / f"one.{form}").write_bytes(format_named(form).write(page.answer, [page]).content)
    pages = [drawn_page(1), drawn_page(2)]
    document = document_of(*(each.answer for each in pages))
    (folder / "two.hocr").write_bytes(format_named("hocr").write(document, pages).content)
    return folder


def said(*command: object, folder: Path, **more: object) -> str:
    """What a program says; it must succeed."""
    run = {"cwd": folder, "capture_output": True, "text": True, "timeout": 300, "check": False, **more}
    finished = subprocess.run([str(part) for part in command], **run)  # type: ignore[call-overload]
    assert finished.returncode == 0, f"{command}: {finished.stderr[-2000:]}"
    return str(finished.stdout)


def rows(text: str) -> list[str]:
    """The lines that hold something, blanks put together."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_hocr_tools_find_lines_pictures_of_lines_and_every_word(
    programs: Programs, files: Path, tmp_path: Path
) -> None:
    tools = programs("hocr-tools-lib==1.3.0")
    checks = said(
        tools / "hocr-check",
        files / "one.hocr",
        folder=files,
        stderr=subprocess.STDOUT,
        capture_output=False,
        stdout=subprocess.PIPE,
    )
    assert "not ok" not in checks
    assert rows(said(tools / "hocr-lines", files / "one.hocr", folder=files)) == WRITTEN
    said(tools / "hocr-extract-images", "-p", tmp_path / "line-%03d.png", files / "one.hocr", folder=files)
    assert len(list(tmp_path.glob("line-*.png"))) == len(WRITTEN)
    pages = tmp_path / "pages"
    pages.mkdir()
    for name in ("one.hocr", "one.jpg"):
        (pages / name).write_bytes((files / name).read_bytes())
    said(tools / "hocr-pdf", "--savefile", tmp_path / "out.pdf", pages, folder=files)
    assert rows(said("pdftotext", "-layout", tmp_path / "out.pdf", "-", folder=files)) == WRITTEN


def test_the_tools_of_the_internet_archive_find_every_word_of_every_page(programs: Programs, files: Path) -> None:
    """Under the AGPL: run, never imported."""
    tools = programs("archive-hocr-tools==1.1.70")
    assert said(tools / "hocr-text", "-f", files / "one.hocr", folder=files).split() == WORDS
    assert said(tools / "hocr-text", "-f", files / "two.hocr", folder=files).split() == WORDS * 2


def test_alto_tools_find_every_line(programs: Programs, files: Path) -> None:
    tools = programs("alto-tools==0.1.0")
    assert rows(said(tools / "alto-tools", "-t", files / "one.alto", folder=files)) == WRITTEN


_PAGEXML_TOOLS = """
import json, sys
from pagexml.parser import parse_pagexml_file
scan = parse_pagexml_file(sys.argv[1])
print(json.dumps([[line.text, len(line.words), line.baseline is not None] for line in scan.get_lines()]))
"""


def test_pagexml_tools_find_lines_with_words_and_baselines(programs: Programs, files: Path) -> None:
    python = programs("pagexml-tools==0.9.0") / "python"
    found = json.loads(said(python, "-c", _PAGEXML_TOOLS, files / "one.page", folder=files))
    assert found == [[text, len(text.split()), True] for text in WRITTEN]


_OCRD = """
import json, sys
from ocrd_models.ocrd_page import parse
from ocrd_validators import PageValidator
pcgts = parse(sys.argv[1], silence=True)
report = PageValidator.validate(filename=sys.argv[1], page_textequiv_consistency="strict")
lines = [line.TextEquiv[0].Unicode for line in pcgts.get_Page().get_AllTextLines()]
print(json.dumps({"valid": report.is_valid, "errors": [str(e) for e in report.errors], "lines": lines}))
"""


def test_ocr_d_finds_the_page_consistent_in_its_strict_mode_and_makes_alto_of_it(
    programs: Programs, files: Path
) -> None:
    tools = programs("ocrd-page-to-alto==2.2.12")
    told = json.loads(said(tools / "python", "-c", _OCRD, files / "one.page", folder=files).splitlines()[-1])
    assert told == {"valid": True, "errors": [], "lines": WRITTEN}
    alto = said(tools / "page-to-alto", "--no-check-border", files / "one.page", folder=files)
    assert 'ID="None"' not in alto
    assert [part.split('"')[0] for part in alto.split('CONTENT="')[1:]] == WORDS


def test_dinglehopper_counts_no_mistake(programs: Programs, files: Path, tmp_path: Path) -> None:
    tools = programs("dinglehopper==0.11.0")
    (tmp_path / "truth.txt").write_text("\n".join(WRITTEN))
    for form in ("alto", "page"):
        said(tools / "dinglehopper", tmp_path / "truth.txt", files / f"one.{form}", form, folder=tmp_path)
        report = json.loads((tmp_path / f"{form}.json").read_text())
        assert (report["cer"], report["wer"]) == (0.0, 0.0)


_KRAKEN = """
import json, sys
from kraken.lib.xml import XMLPage
lines = [line for name in sys.argv[1:] for line in XMLPage(name, filetype="xml").to_container().lines]
print(json.dumps([[line.text, len(line.baseline)] for line in lines]))
"""


def test_kraken_finds_every_line_with_its_baseline(programs: Programs, files: Path) -> None:
    """Of its packages those that its parsers need; torch and what belongs to it is the project's own."""
    tools = programs("lxml", "shapely", "iso639-lang", "platformdirs", "pillow<13")
    kraken = tools.parent / "kraken"
    if not kraken.exists():
        pip = [tools / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--target", kraken]
        subprocess.run([*pip, "kraken==7.1.1"], check=True, timeout=600)
    path = {"PYTHONPATH": f"{kraken}:{sysconfig.get_path('purelib')}", "PATH": "/usr/bin:/bin"}
    for form in ("alto", "page"):
        found = json.loads(said(tools / "python", "-c", _KRAKEN, files / f"one.{form}", folder=files, env=path))
        assert found == [[text, 2] for text in WRITTEN]


_PYPDF = "import sys, pypdf; print(pypdf.PdfReader(sys.argv[1]).pages[0].extract_text())"
_PDFMINER = "import sys; from pdfminer.high_level import extract_text; print(extract_text(sys.argv[1]))"


def test_readers_of_pdf_find_every_line_as_it_stands(programs: Programs, files: Path) -> None:
    python = programs("pypdf==7.1.0", "pdfminer.six==20260107") / "python"
    for program in (_PYPDF, _PDFMINER):
        assert rows(said(python, "-c", program, files / "one.pdf", folder=files)) == WRITTEN
    for options in ([], ["-layout"], ["-raw"]):
        assert rows(said("pdftotext", *options, files / "one.pdf", "-", folder=files)) == WRITTEN
    assert "No syntax or stream encoding errors" in said("qpdf", "--check", files / "one.pdf", folder=files)


@pytest.mark.parametrize("degrees", [0.0, 1.5])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_readers_of_pdf_find_the_rows_of_a_page_on_its_side(
    programs: Programs, tmp_path: Path, turns: int, degrees: float
) -> None:
    answer = sideways(turns, degrees)
    page = OutputPage(1, answer, drawn_page().picture)
    (tmp_path / "turned.pdf").write_bytes(format_named("pdf").write(answer, [page]).content)
    python = programs("pypdf==7.1.0", "pdfminer.six==20260107") / "python"
    for program in (_PYPDF, _PDFMINER):
        assert rows(said(python, "-c", program, tmp_path / "turned.pdf", folder=tmp_path)) == [" ".join(FIVE_WORDS)] * 3
    assert rows(said("pdftotext", tmp_path / "turned.pdf", "-", folder=tmp_path)) == [" ".join(FIVE_WORDS)] * 3


_OCRMYPDF_HOCR = """
import sys
from pathlib import Path
from ocrmypdf.hocrtransform import HocrParser
page = HocrParser(Path(sys.argv[1])).parse()
def words(element):
    if element.text and not element.children:
        yield element.text
    for child in element.children:
        yield from words(child)
print(page.dpi)
print(" ".join(words(page)))
"""


def test_ocrmypdf_reads_our_hocr_and_takes_our_layer_for_one_of_an_earlier_ocr(
    programs: Programs, files: Path, tmp_path: Path
) -> None:
    tools = programs("ocrmypdf==17.13.0")
    dpi, words = said(tools / "python", "-c", _OCRMYPDF_HOCR, files / "one.hocr", folder=files).splitlines()
    assert float(dpi) == 150.0
    assert words.split() == WORDS
    redo = [tools / "ocrmypdf", "--redo-ocr", "--ocr-engine", "none", "--output-type", "pdf"]
    said(*redo, files / "one.pdf", tmp_path / "redone.pdf", folder=tmp_path)
    assert rows(said("pdftotext", tmp_path / "redone.pdf", "-", folder=tmp_path)) == []
    with pikepdf.open(tmp_path / "redone.pdf") as pdf:
        drawn = [str(each.Subtype) for each in pdf.pages[0].obj.Resources.XObject.values()]
        assert drawn.count("/Image") == 1
