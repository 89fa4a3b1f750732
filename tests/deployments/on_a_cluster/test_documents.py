"""Documents, formats, streams and bad files over real HTTP against a real local cluster with one real engine."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pikepdf
import PIL.Image
import pypdfium2
import pytest
from rapidfuzz.distance import Levenshtein

from benchmarks.inputs import conformance
from benchmarks.inputs.bad_files import bad_files
from benchmarks.inputs.peak_memory import PeakMemory
from benchmarks.inputs.robustness import run
from deployments.config.api_keys import hashed
from ocr.contract import DocumentAnswer, FailedPage, FrameAnswer, PageAnswer, TextAnswer
from quorum.client import Client
from tests.fakes.files import image_file

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[3]
QUICK = ROOT / "examples" / "quick.png"
_ADMIN_KEY = "boss"
TRUTH = (ROOT / "examples" / "quick.txt").read_text()


@pytest.fixture(scope="module")
def url(serving: Callable[[dict[str, Any]], str]) -> str:
    security = {"admin_api_keys": [hashed(_ADMIN_KEY)]}
    return serving({"engines": [{"name": "tesseract"}], "ready_engines": 1, "security": security})


def error_rate(text: str) -> float:
    return Levenshtein.distance(" ".join(text.split()), " ".join(TRUTH.split())) / len(" ".join(TRUTH.split()))


@pytest.fixture(scope="module")
def document() -> bytes:
    """The sample page twice, and between them a page that is too large to be drawn at the resolution of the tests."""
    file = io.BytesIO()
    with PIL.Image.open(QUICK) as page:
        page.convert("RGB").save(file, "PDF", resolution=150, save_all=True, append_images=[page.convert("RGB")])
    with pikepdf.open(file) as pdf:
        pdf.add_blank_page(page_size=(14_400, 14_400))
        pdf.pages.insert(1, pdf.pages[-1])
        del pdf.pages[-1]
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()


def test_the_pages_of_a_pdf_are_read_and_the_one_that_cannot_be_is_told(url: str, document: bytes) -> None:
    with Client(url, timeout_s=120) as client:
        answer = client.read_document(document, timeout_s=60, dpi=150)
    assert [type(page) for page in answer.pages] == [PageAnswer, FailedPage, PageAnswer]
    for page in (answer.pages[0], answer.pages[2]):
        assert isinstance(page, PageAnswer)
        assert error_rate(page.text) < 0.05


def test_the_searchable_pdf_of_a_pdf_says_what_stands_there(url: str, document: bytes) -> None:
    options = {"format": "pdf", "pages": "1,3", "dpi": 150}
    response = httpx.post(f"{url}/predict_text", content=document, params=options, timeout=120)
    assert response.headers["content-type"] == "application/pdf", response.text[:300]
    with pypdfium2.PdfDocument(response.content) as pdf:
        texts = [page.get_textpage().get_text_range() for page in pdf]
    first, blank, last = texts  # every page of the user's own PDF is still there
    assert blank == ""
    assert all(error_rate(text) < 0.05 for text in (first, last))


def test_pages_come_line_by_line(url: str, document: bytes) -> None:
    headers = {"accept": "application/x-ndjson"}
    ask = {"content": document, "params": {"dpi": 150}, "headers": headers, "timeout": 120}
    with httpx.stream("POST", f"{url}/predict_text", **ask) as response:
        lines = [json.loads(line) for line in response.iter_lines()]
    assert [line.get("page") for line in lines] == [1, 2, 3, None]
    assert (lines[-1]["count"], lines[-1]["succeeded"]) == (3, 2)


@pytest.mark.parametrize("form", ["text", "markdown", "hocr", "alto", "page"])
def test_the_sample_page_is_written_down_in_every_format(url: str, form: str) -> None:
    response = httpx.post(f"{url}/predict_text", content=QUICK.read_bytes(), params={"format": form}, timeout=120)
    assert response.status_code == 200
    for word in TRUTH.split("\n", 1)[0].split()[:2]:
        assert word in response.text


def test_pictures_show_what_was_done_to_the_page(url: str) -> None:
    with Client(url, timeout_s=120) as client:
        answer = client.read(QUICK, pictures=True, preprocess=("denoise",), timeout_s=60)
    assert answer.pictures is not None
    names = [picture.name for picture in answer.pictures]
    assert names[:3] == ["sent", "1 denoise", "lines"]
    assert len(names) == 3 + len(answer.lines)


async def test_frames_are_read_over_a_real_websocket(url: str) -> None:
    import websockets

    address = f"{url.replace('http', 'ws', 1)}/stream?task=text"
    async with websockets.connect(address, max_size=2**24) as socket:
        seen = []
        for name in ("one", "two"):
            await socket.send(json.dumps({"image_id": name}))
            await socket.send(QUICK.read_bytes())
            answer = FrameAnswer.model_validate_json(await asyncio.wait_for(socket.recv(), 60))
            seen.append((answer.image_id, answer.status))
            assert isinstance(answer.answer, TextAnswer)
            assert error_rate(answer.answer.text) < 0.05
        await socket.send(b"junk")
        assert FrameAnswer.model_validate_json(await asyncio.wait_for(socket.recv(), 60)).status == "failed"
    assert seen == [("one", "read"), ("two", "unchanged")]


def test_every_answer_of_every_route_is_as_the_contract_says(url: str) -> None:
    verdicts = conformance.run(url, _ADMIN_KEY)
    assert {verdict.case.what: verdict.problem for verdict in verdicts if verdict.problem} == {}


_QUICKLY = (
    "PDF whose pages contain",
    "PDF with nested filters",
    "PDF with a form that draws",
    "TIFF of 10,000 pages, the",
)


def test_bad_files_kill_no_replica_and_a_neighbour_is_read_all_the_while(url: str) -> None:
    files = [file for file in bad_files() if file.name.startswith(_QUICKLY)]
    assert len(files) == len(_QUICKLY)
    outcomes, _, beside = run(url, files, alone_s=0.5, memory=PeakMemory.of(None))
    assert [o.file.name for o in outcomes if o.status not in o.file.statuses] == []
    assert max(outcome.peak_mb for outcome in outcomes) < 1000
    assert [answer.problem for answer in beside if answer.problem] == []


def test_a_batch_of_documents_streams_its_answers(url: str, document: bytes) -> None:
    import base64

    body = {"images": [base64.b64encode(file).decode() for file in (document, image_file("PNG"))], "task": "text"}
    response = httpx.post(f"{url}/batch_predict", json=body, headers={"accept": "application/x-ndjson"}, timeout=120)
    first, second, end = [json.loads(line) for line in response.text.splitlines()]
    assert DocumentAnswer.model_validate(first).succeeded == 3  # the large page is drawn as large as the limit allows
    assert second["success"]
    assert end["end"]
