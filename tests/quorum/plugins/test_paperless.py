"""The parser for paperless-ngx, used as its consumer does, against the application over real HTTP and a worker."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pypdfium2
import pytest

from ocr.errors import InvalidRequest, QuorumError
from quorum.client import Client
from quorum.plugins.paperless import QuorumParser
from tests.fakes.job_worker import with_a_worker
from tests.fakes.served import over_http
from tests.fakes.sized_pages import SizedPages, sized_pdf

PDF = "application/pdf"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("jobs")
    with with_a_worker(SizedPages(), folder) as whole, over_http(whole.app()) as url:
        yield url


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "scan.pdf"
    path.write_bytes(sized_pdf(2))
    return path


# What paperless-ngx 3.0.5 asks of a parser: attributes of the class, and how each method is called.
ATTRIBUTES = ("name", "version", "author", "url", "supported_mime_types", "score")
CALLS = {
    "configure": ("context",),
    "parse": (Path("a.pdf"), PDF),
    "get_text": (),
    "get_date": (),
    "get_archive_path": (),
    "get_thumbnail": (Path("a.pdf"), PDF),
    "get_page_count": (Path("a.pdf"), PDF),
    "extract_metadata": (Path("a.pdf"), PDF),
}


def test_it_has_what_paperless_asks_of_a_parser() -> None:
    for name in ATTRIBUTES:
        assert getattr(QuorumParser, name)
    with QuorumParser(logging_group=None) as parser:
        for name, arguments in CALLS.items():
            inspect.signature(getattr(parser, name)).bind(*arguments)
        inspect.signature(parser.parse).bind(Path("a.pdf"), PDF, produce_archive=False)
        assert (parser.can_produce_archive, parser.requires_pdf_rendition) == (True, False)


def test_its_entry_point_is_declared() -> None:
    [found] = [each for each in _declared() if each[0] == "paperless_ngx.parsers"]
    assert found[1] == "quorum.plugins.paperless:QuorumParser"


def _declared() -> list[tuple[str, str]]:
    root = Path(__file__).parents[3]
    groups = tomllib.loads((root / "pyproject.toml").read_text())["project"]["entry-points"]
    return [(group, target) for group, targets in groups.items() for target in targets.values()]


def test_it_reads_where_a_service_is_configured_and_leaves_files_to_others_where_none_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("QUORUM_URL", raising=False)
    assert QuorumParser.score(PDF, "scan.pdf") is None
    monkeypatch.setenv("QUORUM_URL", "http://127.0.0.1:8000")
    assert QuorumParser.score(PDF, "scan.pdf", Path("scan.pdf")) == 20
    assert QuorumParser.score("text/plain", "notes.txt") is None


def test_pages_and_metadata_and_a_thumbnail_come_without_a_service(tmp_path: Path, book: Path) -> None:
    image = tmp_path / "scan.png"
    PIL.Image.new("LA", (1000, 1400), (200, 128)).save(image)
    with QuorumParser() as parser:
        assert parser.get_page_count(book, PDF) == 2
        assert parser.get_page_count(image, "image/png") is None
        assert parser.extract_metadata(image, "image/png") == []
        assert all(set(each) == {"namespace", "prefix", "key", "value"} for each in parser.extract_metadata(book, PDF))
        for path, kind in ((book, PDF), (image, "image/png")):
            thumbnail = parser.get_thumbnail(path, kind)
            with PIL.Image.open(thumbnail) as picture:
                assert (picture.format, picture.width) == ("WEBP", 500)
    assert not thumbnail.exists()


def test_metadata_of_a_broken_file_is_none(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 and no more")
    with QuorumParser() as parser:
        assert parser.extract_metadata(broken, PDF) == []


@pytest.mark.processes
def test_a_document_is_read_and_nothing_of_it_stays_with_the_service(
    url: str, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUORUM_URL", url)
    with QuorumParser() as parser:
        parser.parse(book, PDF, produce_archive=True)
        assert parser.get_text() == "word\n\nword"
        archive = parser.get_archive_path()
        assert archive is not None
        with pypdfium2.PdfDocument(archive) as pdf:
            assert [page.get_textpage().get_text_range().split() for page in pdf] == [["word"], ["word"]]
        parser.parse(book, PDF, produce_archive=False)
    assert not archive.exists()
    with Client(url) as client:
        assert list(client.jobs()) == []


@pytest.mark.processes
def test_what_cannot_be_read_is_told_with_its_reason(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORUM_URL", url)
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 and no more")
    with QuorumParser() as parser, pytest.raises(QuorumError, match="nothing of the document could be read: "):
        parser.parse(broken, PDF)
    monkeypatch.delenv("QUORUM_URL")
    with QuorumParser() as parser, pytest.raises(InvalidRequest, match="no service"):
        parser.parse(broken, PDF)
