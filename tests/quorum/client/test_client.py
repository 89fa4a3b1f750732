from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any, get_type_hints

import httpx
import numpy as np
import pytest
from PIL import Image

from cluster.local.hosts import free_port
from ocr.contract import (
    BatchBody,
    CharacterOptions,
    DocumentOptions,
    EnsembleOptions,
    FailedItem,
    PageAnswer,
    TextAnswer,
    TextOptions,
)
from ocr.errors import (
    DeadlineExceeded,
    InputError,
    InternalFailure,
    InvalidRequest,
    NotAnImage,
    NotReady,
    OutOfRange,
    Overloaded,
    QuorumError,
    ServiceError,
    TooLarge,
    Unreachable,
    UnsupportedFormat,
)
from quorum.client import AsyncClient, AsyncHandleClient, Client, HandleClient, calls, encoded
from quorum.client import handle as handle_module
from tests.fakes.service import FakeService, document_answer, listening, status_answer, text_answer


def client_of(service: FakeService, **options: Any) -> Client:
    return Client("http://quorum.test", transport=httpx.MockTransport(service), **options)


def test_a_page_is_read_over_a_real_socket(tmp_path: Path) -> None:
    service = FakeService()
    path = tmp_path / "page.png"
    path.write_bytes(b"the file as it is")
    with listening(service) as url, Client(url) as client:
        answer = client.read(path)
    assert answer == text_answer()
    assert service.last.url.path == "/predict_text"
    assert service.last.content == b"the file as it is"


def test_options_travel_in_the_query_as_the_contract_reads_them() -> None:
    service = FakeService()
    asked = {
        "engines": ("tesseract", "trocr"),
        "weights": {"trocr": 0.5},
        "explain": True,
        "timeout_s": 2.5,
        "lang": "de",
    }
    client_of(service).read(b"image", **asked)
    parsed = TextOptions.model_validate(dict(service.last.url.params))
    assert parsed == TextOptions.model_validate(asked)


def test_an_option_that_is_none_is_not_asked() -> None:
    service = FakeService()
    client_of(service).read(b"image", profile=None)  # type: ignore[arg-type]
    assert dict(service.last.url.params) == {}


def test_a_character_is_asked_for_with_its_classes() -> None:
    service = FakeService()
    assert client_of(service).read_character(b"image", classes="digits").character == "A"
    assert service.last.url.path == "/predict"
    assert dict(service.last.url.params) == {"classes": "digits"}


def test_a_document_is_asked_for_page_by_page_and_a_pdf_is_not_taken_for_an_image() -> None:
    service = FakeService({"/predict_text": document_answer("one", "two")})
    answer = client_of(service).read_document(b"%PDF-1.7", dpi=300)
    assert [page.text for page in answer.pages if isinstance(page, PageAnswer)] == ["one", "two"]
    assert dict(service.last.url.params) == {"pages": "1-", "dpi": "300"}
    with pytest.raises(InvalidRequest, match="read_document"):
        client_of(service).read(b"%PDF-1.7")


def test_a_batch_keeps_order_and_holds_an_error_per_item() -> None:
    service = FakeService()
    answer = client_of(service).read_batch([b"one", b"two"], task="text", engines=("tesseract",))
    body = BatchBody.model_validate_json(service.last.content)
    assert [base64.b64decode(image) for image in body.images] == [b"one", b"two"]
    assert (body.task, body.engines) == ("text", ("tesseract",))
    assert [type(result) for result in answer.results] == [TextAnswer, FailedItem]


def test_the_key_is_sent_with_every_request_and_only_when_there_is_one() -> None:
    service = FakeService()
    client_of(service, api_key="secret").status()
    client_of(service).status()
    assert [request.headers.get("X-API-Key") for request in service.asked] == ["secret", None]


@pytest.mark.parametrize(("status", "ready"), [("ready", True), ("degraded", True), ("not_ready", False)])
def test_a_degraded_service_is_ready_and_one_that_warms_up_is_not(status: str, ready: bool) -> None:
    assert client_of(FakeService({"/status": status_answer(status)})).ready() is ready


@pytest.mark.parametrize(
    "kind",
    [
        NotAnImage,
        InvalidRequest,
        TooLarge,
        UnsupportedFormat,
        OutOfRange,
        Overloaded,
        NotReady,
        DeadlineExceeded,
        InternalFailure,
    ],
)
def test_an_error_of_the_service_is_the_same_error_at_the_client(kind: type[QuorumError]) -> None:
    service = FakeService({"/predict_text": kind("what went wrong", "what to do")})
    with pytest.raises(QuorumError) as caught:
        client_of(service).read(b"image")
    assert type(caught.value) is kind
    assert (caught.value.message, caught.value.hint) == ("what went wrong", "what to do")


def test_an_overloaded_service_says_when_to_come_back() -> None:
    service = FakeService({"/predict_text": Overloaded("full", "wait", 7.0)})
    with pytest.raises(Overloaded) as caught:
        client_of(service).read(b"image")
    assert caught.value.retry_after_s == 7.0


@pytest.mark.parametrize(
    ("status", "kind"), [(418, InputError), (429, Overloaded), (503, Overloaded), (507, InternalFailure)]
)
def test_a_code_from_a_newer_service_is_understood_by_its_status(status: int, kind: type[QuorumError]) -> None:
    refusal = httpx.Response(status, json={"error": {"code": "made_up_later", "message": "no"}})
    with pytest.raises(kind) as caught:
        client_of(FakeService({"/predict_text": refusal})).read(b"image")
    assert caught.value.message == "no"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, text="<h1>not here</h1>"),
        httpx.Response(200, text="hello"),
        httpx.Response(200, json={"a": 1}),
    ],
    ids=["another error", "no JSON", "other JSON"],
)
def test_what_answers_like_another_service_is_named_as_such(answer: httpx.Response) -> None:
    with pytest.raises(Unreachable, match="Quorum"):
        client_of(FakeService({"/predict_text": answer})).read(b"image")


def test_a_closed_port_names_the_address_and_the_remedy() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with Client(url) as client, pytest.raises(Unreachable, match="quorum up") as caught:
        client.status()
    assert url in caught.value.message


def test_a_service_that_stays_silent_is_a_deadline_that_passed() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("nothing came", request=request)

    with pytest.raises(DeadlineExceeded, match="within 3 s"):
        Client(transport=httpx.MockTransport(silent), timeout_s=3.0).status()


def test_a_connection_that_breaks_is_unreachable() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.RemoteProtocolError("peer closed", request=request)

    with pytest.raises(Unreachable, match="broke"):
        Client(transport=httpx.MockTransport(broken)).status()


def test_the_client_waits_longer_than_the_time_that_the_question_allows() -> None:
    service = FakeService()
    client_of(service, timeout_s=10.0).read(b"image", timeout_s=90.0)
    assert service.last.extensions["timeout"]["read"] > 90.0


def test_an_address_without_a_scheme_is_refused_at_once() -> None:
    with pytest.raises(InvalidRequest, match=r"http://127\.0\.0\.1:8000"):
        Client("127.0.0.1:8000")


async def test_the_asynchronous_client_asks_and_hears_the_same() -> None:
    service = FakeService()
    async with AsyncClient("http://quorum.test", "secret", transport=httpx.MockTransport(service)) as client:
        assert await client.read(b"image", lang="de") == text_answer()
        assert (await client.read_character(b"image")).character == "A"
        assert (await client.read_batch([b"image"])).count == 2
        assert await client.status() == status_answer()
        assert await client.ready()
    assert [request.url.path for request in service.asked] == [
        "/predict_text",
        "/predict",
        "/batch_predict",
        "/status",
        "/status",
    ]
    assert all(request.headers["X-API-Key"] == "secret" for request in service.asked)


async def test_the_asynchronous_client_raises_the_same_errors() -> None:
    service = FakeService({"/predict_text": NotAnImage("no", "send an image")})
    async with AsyncClient("http://quorum.test", transport=httpx.MockTransport(service)) as client:
        with pytest.raises(NotAnImage):
            await client.read(b"image")


def pixels_of(file: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(file), formats=["PNG"]))


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3)])
def test_pixels_arrive_unchanged(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(pixels_of(encoded(pixels)), pixels)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_a_pil_image_arrives_unchanged_in_the_modes_that_png_has(mode: str) -> None:
    image = Image.linear_gradient("L").convert(mode)
    arrived = Image.open(io.BytesIO(encoded(image)))
    assert arrived.convert("RGB").tobytes() == image.convert("RGB").tobytes()


def test_a_pil_image_in_a_mode_that_png_has_not_becomes_rgb() -> None:
    assert Image.open(io.BytesIO(encoded(Image.new("CMYK", (3, 2))))).mode == "RGB"


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 6)), np.zeros((4, 6, 4), np.uint8), np.zeros(6, np.uint8), np.zeros((0, 6), np.uint8)],
    ids=["float", "four channels", "one axis", "empty"],
)
def test_an_array_that_is_no_image_is_refused_with_what_is_wanted(pixels: np.ndarray[Any, Any]) -> None:
    with pytest.raises(NotAnImage, match=r"uint8 in \[0, 255\]"):
        encoded(pixels)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        encoded(tmp_path / "nowhere.png")


def test_something_else_is_refused_by_its_type() -> None:
    with pytest.raises(NotAnImage, match="dict"):
        encoded({})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keywords", "options"),
    [
        (calls.EnsembleKeywords, EnsembleOptions),
        (calls.CharacterKeywords, CharacterOptions),
        (calls.TextKeywords, TextOptions),
        (calls.DocumentKeywords, DocumentOptions),
    ],
)
def test_the_client_offers_exactly_the_options_of_the_contract(keywords: type, options: type) -> None:
    assert set(get_type_hints(keywords, vars(calls))) == set(options.model_fields)  # type: ignore[attr-defined]


def test_the_client_offers_exactly_the_options_of_a_batch() -> None:
    offered = set(get_type_hints(calls.BatchKeywords, vars(calls)))
    assert offered == set(BatchBody.model_fields) - {"images", "task"}


class FakeHandle:
    """A Serve handle whose methods answer with `outcome`, or raise it when the answer is awaited."""

    def __init__(self, outcome: object) -> None:
        self.outcome = outcome
        self.asked: list[tuple[str, tuple[object, ...]]] = []

    def __getattr__(self, name: str) -> FakeHandle:
        self.asked.append((name, ()))
        return self

    def remote(self, *arguments: object) -> FakeHandle:
        self.asked[-1] = (self.asked[-1][0], arguments)
        return self

    def __await__(self) -> Generator[None, None, object]:
        return self._answer().__await__()

    async def _answer(self) -> object:
        return self.result(1.0)

    def result(self, timeout_s: float) -> object:
        assert timeout_s > 0
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.fixture
def ray_exceptions() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own use of pydantic
        import ray.exceptions
        import ray.serve
    return ray.exceptions


def handle_client(monkeypatch: pytest.MonkeyPatch, handle: FakeHandle) -> HandleClient:
    monkeypatch.setattr(handle_module, "_handle", lambda _application, _address: handle)
    return HandleClient()


@pytest.mark.usefixtures("ray_exceptions")
@pytest.mark.processes
def test_a_handle_is_asked_with_the_file_and_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = FakeHandle(text_answer().model_dump(mode="json"))
    assert handle_client(monkeypatch, handle).read(b"image", lang="de") == text_answer()
    assert handle.asked == [("predict_text", (b"image", {"lang": "de"}))]


@pytest.mark.usefixtures("ray_exceptions")
@pytest.mark.processes
async def test_a_handle_answers_an_event_loop_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        handle_module, "_handle", lambda _application, _address: FakeHandle(text_answer().model_dump(mode="json"))
    )
    assert await AsyncHandleClient().read(b"image") == text_answer()


@pytest.mark.processes
def test_an_error_from_a_replica_is_the_same_error_at_the_handle(
    monkeypatch: pytest.MonkeyPatch, ray_exceptions: Any
) -> None:
    wrapped = ray_exceptions.RayTaskError("predict_text", "a traceback", OutOfRange("no engine 'x'", "take another"))
    with pytest.raises(OutOfRange) as caught:
        handle_client(monkeypatch, FakeHandle(wrapped.as_instanceof_cause())).read(b"image")
    assert type(caught.value) is OutOfRange
    assert caught.value.hint == "take another"


@pytest.mark.processes
def test_a_fault_in_a_replica_is_an_internal_failure(monkeypatch: pytest.MonkeyPatch, ray_exceptions: Any) -> None:
    wrapped = ray_exceptions.RayTaskError("predict_text", "a traceback", ZeroDivisionError("by zero"))
    with pytest.raises(InternalFailure, match="by zero"):
        handle_client(monkeypatch, FakeHandle(wrapped.as_instanceof_cause())).read(b"image")


@pytest.mark.processes
def test_a_silent_application_is_a_deadline_that_passed(monkeypatch: pytest.MonkeyPatch, ray_exceptions: Any) -> None:
    with pytest.raises(DeadlineExceeded):
        handle_client(monkeypatch, FakeHandle(TimeoutError())).status()


@pytest.mark.processes
def test_a_dead_replica_is_an_error_of_the_service(monkeypatch: pytest.MonkeyPatch, ray_exceptions: Any) -> None:
    with pytest.raises(ServiceError):
        handle_client(monkeypatch, FakeHandle(ray_exceptions.ActorDiedError())).status()
