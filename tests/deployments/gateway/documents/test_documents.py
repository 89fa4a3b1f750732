"""Documents over HTTP with a service that answers by itself: pages, formats, streams, limits."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pikepdf
import pypdfium2
import pytest
from pydantic import TypeAdapter

from deployments.gateway.formats import formats
from deployments.messages.request import ReadRequest
from ocr import Page
from ocr.contract import (
    BatchAnswer,
    DocumentAnswer,
    ErrorAnswer,
    FailedItem,
    FailedPage,
    PageAnswer,
    StreamEnd,
    TextAnswer,
)
from ocr.errors import DeadlineExceeded
from tests.fakes.files import add_text_page, bars_of, image_file, pdf, saved, tiff
from tests.fakes.plain_service import PlainService, app_over, as_base64

pytestmark = pytest.mark.processes

LINES: TypeAdapter[PageAnswer | FailedPage | StreamEnd] = TypeAdapter(PageAnswer | FailedPage | StreamEnd)
NDJSON = {"accept": "application/x-ndjson"}


@pytest.fixture
def service() -> PlainService:
    return PlainService()


@pytest.fixture
async def client(service: PlainService) -> AsyncIterator[httpx.AsyncClient]:
    app = app_over(service, max_pages=4, max_pixels=1_000_000, draw_timeout_s=60.0)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=120) as client:
        yield client


def failing_on(service: PlainService, bars: int, error: Exception) -> Callable[..., Any]:
    whole = service.read_page

    async def read(data: bytes, request: ReadRequest) -> Page:
        if bars_of(data) == bars:
            raise error
        return await whole(data, request)

    return read


async def post(client: httpx.AsyncClient, file: bytes, headers: dict[str, str] | None = None, **options: Any) -> Any:
    return await client.post("/predict_text", content=file, params=options, headers=headers)


@pytest.mark.parametrize("file", [pdf(3), tiff(3)], ids=["pdf", "tiff"])
async def test_every_page_of_a_document_is_answered_in_order(
    client: httpx.AsyncClient, service: PlainService, file: bytes
) -> None:
    answer = DocumentAnswer.model_validate((await post(client, file)).json())
    assert [page.page for page in answer.pages] == [1, 2, 3]
    assert (answer.text, answer.page_count, answer.succeeded) == ("Hi\n\nHi\n\nHi", 3, 3)
    assert answer.confidence == pytest.approx(0.9)
    assert answer.engine_predictions["a"].text == "Hi\n\nHi\n\nHi"
    assert answer.engine_predictions["b"].status == "timeout"
    assert answer.engine_predictions["b"].detail.startswith("page 1: ")
    assert [bars_of(image) for image in service.images] == [1, 2, 3]


@pytest.mark.parametrize(
    "prefix", [b"\xef\xbb\xbf", b"\r\n\t \r\n", b"--5f3a\r\nContent-Type: application/pdf\r\n\r\n"]
)
async def test_a_pdf_with_something_before_it_is_read(
    client: httpx.AsyncClient, service: PlainService, prefix: bytes
) -> None:
    answer = DocumentAnswer.model_validate((await post(client, prefix + pdf(3), dpi=100)).json())
    assert [bars_of(image) for image in service.images] == [1, 2, 3]
    assert answer.succeeded == 3


async def test_a_pdf_far_behind_something_else_is_refused_with_where_it_begins(client: httpx.AsyncClient) -> None:
    response = await post(client, b"HTTP/1.1 200 OK\r\n" + b"X-Header: y\r\n" * 200 + pdf(1))
    problem = ErrorAnswer.model_validate(response.json()).error
    assert response.status_code == 400
    assert "HTTP/1.1 200 OK" in problem.message
    assert "%PDF" in problem.hint


async def test_only_the_pages_asked_for_are_read(client: httpx.AsyncClient, service: PlainService) -> None:
    answer = DocumentAnswer.model_validate((await post(client, pdf(4), pages="2,4")).json())
    assert ([page.page for page in answer.pages], answer.page_count) == ([2, 4], 4)
    assert [bars_of(image) for image in service.images] == [2, 4]


async def test_a_document_in_json_or_in_a_form_is_the_same(client: httpx.AsyncClient) -> None:
    file = pdf(2)
    ways: list[dict[str, Any]] = [
        {"json": {"image": as_base64(file), "pages": "2", "dpi": 100}},
        {"files": {"image": ("a.pdf", file)}, "data": {"pages": "2", "dpi": "100"}},
        {"content": file, "params": {"pages": "2", "dpi": 100}, "headers": {"content-type": "application/pdf"}},
    ]
    for way in ways:
        answer = DocumentAnswer.model_validate((await client.post("/predict_text", **way)).json())
        assert [page.page for page in answer.pages] == [2]


async def test_an_image_is_a_document_when_pages_are_asked_for_and_not_otherwise(client: httpx.AsyncClient) -> None:
    image = image_file("PNG")
    TextAnswer.model_validate((await post(client, image)).json())
    assert DocumentAnswer.model_validate((await post(client, image, pages="1-")).json()).page_count == 1


@pytest.mark.parametrize(
    ("file", "options", "status", "words"),
    [
        (pdf(5), {}, 413, "5 pages; the limit is 4"),
        (tiff(5), {}, 413, "more than 4 pages"),
        (pdf(2), {"pages": "1-3"}, 422, "pages 1 to 2"),
        (pdf(2), {"pages": "one"}, 422, "pages"),
        (pdf(2), {"dpi": 5000}, 422, "dpi"),
        (pdf(2, 144, 72), {"dpi": 1200, "format": "text"}, 413, "page 1"),
        (image_file("PNG"), {"dpi": 100}, 422, "dpi is only for PDF"),
        (b"%PDF-1.4 and then nothing", {}, 400, "damaged"),
        (pdf(1), {"format": "docx"}, 422, "unknown format 'docx'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_cannot_be_done_is_said_and_nothing_is_left_out(
    client: httpx.AsyncClient, file: bytes, options: dict[str, Any], status: int, words: str
) -> None:
    for headers in ({}, NDJSON):
        if "format" in options and headers:
            continue
        response = await post(client, file, headers, **options)
        problem = ErrorAnswer.model_validate(response.json()).error
        assert (response.status_code, words in problem.message) == (status, True), problem
        assert problem.hint


async def test_a_tiff_of_too_many_pages_is_refused_before_any_process_is_started(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncio.create_subprocess_exec", None)
    response = await post(client, tiff(5))
    problem = ErrorAnswer.model_validate(response.json()).error
    assert (response.status_code, problem.hint) == (413, "read it in parts: pages=1-4, then pages=5-8 and so on")


async def test_a_page_that_fails_stands_in_its_place_and_the_others_are_read(
    client: httpx.AsyncClient, service: PlainService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "read_page", failing_on(service, 2, DeadlineExceeded("late", "give more time")))
    answer = DocumentAnswer.model_validate((await post(client, pdf(3))).json())
    assert [page.success for page in answer.pages] == [True, False, True]
    assert answer.degraded
    failed = answer.pages[1]
    assert isinstance(failed, FailedPage)
    assert (failed.error.code, failed.error.message) == ("deadline_exceeded", "page 2: late")
    response = await post(client, pdf(3), format="alto")
    assert (response.status_code, ErrorAnswer.model_validate(response.json()).error.message) == (504, "page 2: late")


async def test_a_document_of_which_no_page_can_be_read_is_an_error(
    client: httpx.AsyncClient, service: PlainService
) -> None:
    service.failure = DeadlineExceeded("late", "give more time")
    assert (await post(client, pdf(2))).status_code == 504


async def test_lines_come_page_by_page_in_order_and_the_last_one_counts_them(
    client: httpx.AsyncClient, service: PlainService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "read_page", failing_on(service, 2, ZeroDivisionError("a bug")))
    response = await post(client, pdf(3), NDJSON)
    assert response.headers["content-type"] == "application/x-ndjson"
    *pages, end = [LINES.validate_json(line) for line in response.text.splitlines()]
    assert [(page.page, page.success) for page in pages if not isinstance(page, StreamEnd)] == [
        (1, True),
        (2, False),
        (3, True),
    ]
    assert isinstance(end, StreamEnd)
    assert (end.count, end.succeeded) == (3, 2)
    assert "a bug" not in response.text


async def test_a_line_of_an_image_is_its_only_page(client: httpx.AsyncClient) -> None:
    lines = (await post(client, image_file("PNG"), NDJSON)).text.splitlines()
    assert [type(LINES.validate_json(line)) for line in lines] == [PageAnswer, StreamEnd]


@pytest.mark.parametrize("form", formats().values(), ids=lambda form: form.name)
@pytest.mark.parametrize("file", [image_file("PNG", width=60, height=60), tiff(2)], ids=["image", "document"])
async def test_every_format_is_reached_by_its_name_and_by_accept(
    client: httpx.AsyncClient, form: Any, file: bytes
) -> None:
    kinds = (form.media_type, *form.accepts)
    responses = [await post(client, file, format=form.name)]
    responses += [await post(client, file, {"accept": f"{kind}, image/png;q=0.9"}) for kind in kinds]
    archive = form.is_archive or (form.name == "page" and file.startswith(b"II"))
    for response in responses:
        assert response.status_code == 200, response.text
        kind = response.headers["content-type"].split(";")[0]
        assert kind == ("application/zip" if archive else form.media_type)
    content = responses[0].content
    if archive:
        with zipfile.ZipFile(io.BytesIO(content)) as files:
            assert len(files.namelist()) == (2 if file.startswith(b"II") else 1)
            assert all(b"Hi" in files.read(name) for name in files.namelist())
    elif form.name == "pdf":
        assert "Hi" in pypdfium2.PdfDocument(content)[0].get_textpage().get_text_range()
    else:
        assert b"Hi" in content


async def test_accept_without_anything_that_there_is_is_refused_with_what_there_is(client: httpx.AsyncClient) -> None:
    for path, body in (("/predict_text", {"image": as_base64(pdf(1))}), ("/batch_predict", {"images": ["AA=="]})):
        response = await client.post(path, json=body, headers={"accept": "image/png"})
        assert response.status_code == 406
        assert "application/json" in ErrorAnswer.model_validate(response.json()).error.hint


async def test_a_batch_takes_documents_and_answers_line_by_line(client: httpx.AsyncClient) -> None:
    files = [pdf(2), b"junk", image_file("PNG"), pdf(5)]
    body = {"images": [as_base64(file) for file in files], "task": "text", "dpi": 100}
    answer = BatchAnswer.model_validate((await client.post("/batch_predict", json=body)).json())
    kinds = [DocumentAnswer, FailedItem, TextAnswer, FailedItem]
    assert [type(result) for result in answer.results] == kinds
    response = await client.post("/batch_predict", json=body, headers=NDJSON)
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert [line.get("success") for line in lines] == [True, False, True, False, None]
    assert (lines[-1]["end"], lines[-1]["count"], lines[-1]["succeeded"]) == (True, 4, 2)


async def test_a_batch_of_characters_streams_as_well_and_a_wrong_envelope_is_refused_whole(
    client: httpx.AsyncClient,
) -> None:
    body = {"images": [as_base64(image_file("PNG"))] * 2}
    response = await client.post("/batch_predict", json=body, headers=NDJSON)
    assert [json.loads(line).get("character") for line in response.text.splitlines()] == ["Q", "Q", None]
    refused = await client.post("/batch_predict", json={**body, "engines": ["oracle"]}, headers=NDJSON)
    assert refused.status_code == 422


async def test_pages_are_read_at_the_same_time(client: httpx.AsyncClient, service: PlainService) -> None:
    """Each page waits until four are being read; one after the other they would wait for ever."""
    barrier = asyncio.Barrier(4)
    whole = service.read_page

    async def read(data: bytes, request: ReadRequest) -> Page:
        await asyncio.wait_for(barrier.wait(), 60)
        return await whole(data, request)

    service.read_page = read  # type: ignore[method-assign]
    assert DocumentAnswer.model_validate((await post(client, pdf(4))).json()).succeeded == 4


async def test_pictures_of_what_was_done_come_when_they_are_asked_for(client: httpx.AsyncClient) -> None:
    image = image_file("PNG")
    answer = TextAnswer.model_validate((await post(client, image, pictures=True)).json())
    assert answer.pictures is not None
    assert [(picture.name, picture.image) for picture in answer.pictures] == [("sent", as_base64(image))]
    assert TextAnswer.model_validate((await post(client, image)).json()).pictures is None


async def test_a_character_is_not_read_from_a_document(client: httpx.AsyncClient) -> None:
    for file, words in ((tiff(2), "more than one page"), (pdf(1), "PDF")):
        response = await client.post("/predict", content=file)
        assert response.status_code == 415
        assert words in response.text


def text_pdf() -> bytes:
    """Two pages of real text, and between them one without."""
    with pikepdf.new() as document:
        add_text_page(document, ["One real page"], 12)
        document.add_blank_page(page_size=(300, 200))
        add_text_page(document, ["Another real page"], 12)
        return saved(document)


async def test_a_page_that_has_text_is_answered_from_it_and_says_so(
    client: httpx.AsyncClient, service: PlainService
) -> None:
    answer = DocumentAnswer.model_validate((await post(client, text_pdf())).json())
    pages = [page for page in answer.pages if isinstance(page, PageAnswer)]
    assert [(page.text_source, page.text) for page in pages] == [
        ("existing", "One real page"),
        ("read", "Hi"),
        ("existing", "Another real page"),
    ]
    assert len(service.images) == 1
    first = pages[0]
    assert (first.confidence, first.accepted, first.needs_review, first.degraded) == (1.0, True, False, False)
    assert {prediction.status for prediction in first.engine_predictions.values()} == {"skipped"}
    assert [word.text for word in first.lines[0].words] == ["One", "real", "page"]
    assert "".join(place.character for place in first.characters) == "Onerealpage"


async def test_redo_reads_pages_whatever_they_say(client: httpx.AsyncClient, service: PlainService) -> None:
    answer = DocumentAnswer.model_validate((await post(client, text_pdf(), existing_text="redo")).json())
    assert answer.text == "Hi\n\nHi\n\nHi"
    assert len(service.images) == 3


@pytest.mark.parametrize("form", ["text", "hocr", "alto"])
async def test_text_that_is_there_is_written_in_every_format(client: httpx.AsyncClient, form: str) -> None:
    written = (await post(client, text_pdf(), format=form)).text
    assert "Another" in written
    assert "Hi" in written


async def test_a_searchable_pdf_is_the_pdf_that_was_sent_with_the_words_of_its_scans(
    client: httpx.AsyncClient,
) -> None:
    sent = text_pdf()
    made = (await post(client, b"\xef\xbb\xbf" + sent, format="pdf", pages="2-3")).content
    with pypdfium2.PdfDocument(made) as document:
        texts = [page.get_textpage().get_text_range() for page in document]
    assert texts == ["One real page", "Hi", "Another real page"]
    assert (await post(client, sent, format="pdf", pages="1,3")).content == sent


async def test_a_pdf_that_must_not_change_is_refused_as_pdf_and_read_in_other_formats(
    client: httpx.AsyncClient,
) -> None:
    with pikepdf.open(io.BytesIO(pdf(1))) as document:
        field = pikepdf.Dictionary(FT=pikepdf.Name.Sig, T="signed", V=pikepdf.Dictionary(Type=pikepdf.Name.Sig))
        document.Root.AcroForm = pikepdf.Dictionary(Fields=[document.make_indirect(field)])
        signed = saved(document)
    refused = await post(client, signed, format="pdf")
    problem = ErrorAnswer.model_validate(refused.json()).error
    assert (refused.status_code, "signed" in problem.message) == (422, True)
    assert (await post(client, signed, format="text")).text == "Hi\n"


async def test_regions_of_a_page_are_answered_by_name_and_the_segmentation_is_told(
    client: httpx.AsyncClient, service: PlainService
) -> None:
    regions = [{"name": "a", "box": [0, 0, 0.5, 0.5], "pattern": "H."}, {"name": "b", "box": [0.5, 0, 0.5, 0.5]}]
    answer = TextAnswer.model_validate((await post(client, image_file("PNG"), regions=json.dumps(regions))).json())
    assert answer.regions is not None
    assert (answer.regions["a"].text, answer.regions["a"].matches) == ("Hi", True)
    assert (answer.regions["b"].text, answer.regions["b"].matches) == ("", None)
    assert [region.name for region in service.requests[-1].segmentation.regions] == ["a", "b"]


async def test_regions_of_a_page_that_has_text_hold_its_words(client: httpx.AsyncClient) -> None:
    regions = [{"name": "left", "box": [0, 0, 0.13, 1]}, {"name": "all", "box": [0, 0, 1, 1], "pattern": "One.*"}]
    sent = {"pages": "1", "regions": json.dumps(regions)}
    answer = DocumentAnswer.model_validate((await post(client, text_pdf(), **sent)).json())
    [page] = answer.pages
    assert isinstance(page, PageAnswer)
    assert page.regions is not None
    assert {name: region.text for name, region in page.regions.items()} == {"left": "One", "all": "One real page"}
    assert page.regions["all"].matches


@pytest.mark.parametrize(
    "regions", ['[{"name": "a"}]', "nonsense", '[{"name": "a", "box": [0, 0, 1, 1], "pattern": "("}]']
)
async def test_regions_that_are_none_are_refused(client: httpx.AsyncClient, regions: str) -> None:
    response = await post(client, image_file("PNG"), regions=regions)
    assert response.status_code in (400, 422)
    assert "regions" in ErrorAnswer.model_validate(response.json()).error.message
