"""Asks a running Quorum, over HTTP or through a Serve handle. Over HTTP it needs neither Ray nor an engine.

    Client("http://127.0.0.1:8000").read("page.png").text

`Client` and `AsyncClient` speak HTTP, `HandleClient` speaks to the application from another process on its Ray cluster.
All three ask the same questions: a question is a `Call`, how it travels is a `Transport` of one method, and what comes
back is a type of ocr.contract. Which engines, methods and profiles exist is not known here; the service judges the
options. Errors are those of ocr.errors, whichever way they came. Times are seconds.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, Protocol, Self, TypeAlias, TypedDict, TypeVar, Unpack

import httpx
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from ocr.contract import BatchAnswer, CharacterAnswer, DocumentAnswer, ErrorAnswer, StatusAnswer, TextAnswer
from ocr.errors import (
    DeadlineExceeded,
    InputError,
    InternalFailure,
    InvalidRequest,
    NotAnImage,
    NotReady,
    Overloaded,
    QuorumError,
    ServiceError,
    Unreachable,
)

if TYPE_CHECKING:
    from PIL.Image import Image

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT_S = 60.0
API_KEY_HEADER = "X-API-Key"

# A service that was given a time needs a moment more to say that it has passed.
_GRACE_S = 5.0

Readable: TypeAlias = "str | Path | bytes | NDArray[np.uint8] | Image"
"""What can be read: the path of an image file, the bytes of one, RGB or gray pixels of shape (H, W, 3) or (H, W), or a
PIL image.
"""

Answer = TypeVar("Answer", bound=BaseModel)
Task = Literal["character", "text"]


class EnsembleKeywords(TypedDict, total=False):
    """What every question may ask of the ensemble; ocr.contract.EnsembleOptions says what each means."""

    method: str
    profile: str
    weights: Mapping[str, float]
    engines: Sequence[str]
    timeout_s: float


class CharacterKeywords(EnsembleKeywords, total=False):
    """Options of a question for one character; see ocr.contract.CharacterOptions."""

    classes: str


class TextKeywords(EnsembleKeywords, total=False):
    """Options of a question for a page or a line; see ocr.contract.TextOptions."""

    lang: str
    preprocess: Sequence[str]
    explain: bool
    pictures: bool


class DocumentKeywords(TextKeywords, total=False):
    """Options of a question for a whole file; see ocr.contract.DocumentOptions."""

    pages: str
    dpi: int


class BatchKeywords(CharacterKeywords, DocumentKeywords, total=False):
    """Options of a batch: those of its task."""


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """One question to the service, before it is known how it travels. `images` are image files."""

    operation: Literal["predict", "predict_text", "batch_predict", "status"]
    answer: type[Answer]
    images: tuple[bytes, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def wait_s(self, default_s: float) -> float:
        """How long to wait for the answer: long enough for the time that the question itself allows."""
        allowed_s = self.options.get("timeout_s")
        return default_s if allowed_s is None else max(default_s, float(allowed_s) + _GRACE_S)

    def parse(self, reply: object) -> Answer:
        """The typed answer in a decoded JSON object."""
        try:
            return self.answer.model_validate(reply)
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"]))
            raise Unreachable(
                f"the answer is not a {self.answer.__name__} as this client knows it ({place}: {problem['msg']})",
                "is it Quorum that answers there, and the same version as this client?",
            ) from error


class Transport(Protocol):
    """Carries one call to the service and its reply back, as decoded JSON. Raises an error of the tree."""

    def send(self, call: Call[Any]) -> object: ...


class AsyncTransport(Protocol):
    """The same for a caller with an event loop."""

    async def send(self, call: Call[Any]) -> object: ...


def character_call(image: Readable, options: CharacterKeywords) -> Call[CharacterAnswer]:
    return Call("predict", CharacterAnswer, (encoded(image),), _plain(options))


def text_call(image: Readable, options: TextKeywords) -> Call[TextAnswer]:
    file = encoded(image)
    if is_document(file):
        raise InvalidRequest("a PDF has pages, and each its answer", "read it with read_document")
    return Call("predict_text", TextAnswer, (file,), _plain(options))


def is_document(file: bytes) -> bool:
    """Whether the file is of a kind that has pages: it is read with `read_document`."""
    return file.startswith(b"%PDF")


def document_call(document: Readable, options: DocumentKeywords) -> Call[DocumentAnswer]:
    # `pages` is always asked: it makes the answer to any file that of a document.
    return Call("predict_text", DocumentAnswer, (encoded(document),), {"pages": "1-", **_plain(options)})


def batch_call(images: Sequence[Readable], task: Task, options: BatchKeywords) -> Call[BatchAnswer]:
    return Call("batch_predict", BatchAnswer, tuple(map(encoded, images)), {"task": task, **_plain(options)})


STATUS_CALL = Call("status", StatusAnswer)


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON has them; what is None is not asked."""
    given = {name: value for name, value in options.items() if value is not None}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}


def encoded(image: Readable) -> bytes:
    """The image as the bytes of a file. Raises NotAnImage for pixels of another kind, OSError for a path."""
    if isinstance(image, bytes):
        return image
    if isinstance(image, str | Path):
        return Path(image).read_bytes()
    if isinstance(image, np.ndarray):
        shape = image.shape
        if image.dtype != np.uint8 or len(shape) not in (2, 3) or shape[2:] not in ((), (3,)) or image.size == 0:
            raise NotAnImage(
                f"an array of {image.dtype} and shape {shape} is not an image",
                "want uint8 in [0, 255] of shape (H, W) or, as RGB, (H, W, 3)",
            )
    return _as_png(image)


def _as_png(image: NDArray[np.uint8] | Image) -> bytes:
    try:
        from PIL import Image as Pillow
    except ImportError as error:
        raise NotAnImage(
            "sending pixels needs Pillow, which is not installed", "pip install pillow, or give a path or bytes"
        ) from error
    picture = Pillow.fromarray(image) if isinstance(image, np.ndarray) else image
    if not isinstance(picture, Pillow.Image):
        raise NotAnImage(f"cannot read a {type(picture).__name__}", "give a path, bytes, an array or a PIL image")
    if picture.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        picture = picture.convert("RGB")  # PNG has no CMYK, YCbCr or Lab
    file = BytesIO()
    picture.save(file, "PNG", compress_level=1)  # made to travel once, not to be kept
    return file.getvalue()


class _Questions:
    """The questions as plain methods over any transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def read(self, image: Readable, **options: Unpack[TextKeywords]) -> TextAnswer:
        """Read a page or a line. Raises an error of ocr.errors, or OSError for a path that cannot be read."""
        return self._ask(text_call(image, options))

    def read_document(self, document: Readable, **options: Unpack[DocumentKeywords]) -> DocumentAnswer:
        """Read a PDF, a TIFF of several pages or an image, page by page. A page that cannot be read is a FailedPage
        in its place. Raises as `read` does.
        """
        return self._ask(document_call(document, options))

    def read_character(self, image: Readable, **options: Unpack[CharacterKeywords]) -> CharacterAnswer:
        """Read one character. Raises as `read` does."""
        return self._ask(character_call(image, options))

    def read_batch(
        self, images: Sequence[Readable], task: Task = "text", **options: Unpack[BatchKeywords]
    ) -> BatchAnswer:
        """Read many images: one result per image, in order; one that cannot be read is a FailedItem in its place."""
        return self._ask(batch_call(images, task, options))

    def status(self) -> StatusAnswer:
        """Engines, deployments and weights of the service, also while it warms up."""
        return self._ask(STATUS_CALL)

    def ready(self) -> bool:
        """Whether enough engines are warm to answer. Raises Unreachable when nobody is there to ask."""
        return self.status().status != "not_ready"

    def _ask(self, call: Call[Answer]) -> Answer:
        return call.parse(self._transport.send(call))


class Client(_Questions):
    """Asks over HTTP. One client may be used by many threads; `close` it, or use it in a `with` statement."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        api_key: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(base_url=_address(url), headers=_headers(api_key), transport=transport)
        super().__init__(_HttpTransport(self._http, timeout_s))

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient:
    """Asks over HTTP from an event loop. `aclose` it, or use it in an `async with` statement."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        api_key: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(base_url=_address(url), headers=_headers(api_key), transport=transport)
        self._transport: AsyncTransport = _AsyncHttpTransport(self._http, timeout_s)

    async def read(self, image: Readable, **options: Unpack[TextKeywords]) -> TextAnswer:
        """Read a page or a line; see Client.read."""
        return await self._ask(text_call(image, options))

    async def read_document(self, document: Readable, **options: Unpack[DocumentKeywords]) -> DocumentAnswer:
        """Read a file page by page; see Client.read_document."""
        return await self._ask(document_call(document, options))

    async def read_character(self, image: Readable, **options: Unpack[CharacterKeywords]) -> CharacterAnswer:
        """Read one character; see Client.read_character."""
        return await self._ask(character_call(image, options))

    async def read_batch(
        self, images: Sequence[Readable], task: Task = "text", **options: Unpack[BatchKeywords]
    ) -> BatchAnswer:
        """Read many images; see Client.read_batch."""
        return await self._ask(batch_call(images, task, options))

    async def status(self) -> StatusAnswer:
        """Engines, deployments and weights of the service, also while it warms up."""
        return await self._ask(STATUS_CALL)

    async def ready(self) -> bool:
        """Whether enough engines are warm to answer; see Client.ready."""
        return (await self.status()).status != "not_ready"

    async def _ask(self, call: Call[Answer]) -> Answer:
        return call.parse(await self._transport.send(call))

    async def aclose(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class HandleClient(_Questions):
    """Asks through a Serve handle, from any process that can join the Ray cluster at `address`.

    Connects to the cluster when it is made, unless this process is connected already. Raises Unreachable when Ray is
    not installed, no cluster is found, or the application does not run there.
    """

    def __init__(
        self, application: str = "quorum", *, address: str = "auto", timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> None:
        super().__init__(_HandleTransport(_handle(application, address), timeout_s))


class _HttpTransport:
    def __init__(self, http: httpx.Client, timeout_s: float) -> None:
        self._http = http
        self._timeout_s = timeout_s

    def send(self, call: Call[Any]) -> object:
        timeout_s = call.wait_s(self._timeout_s)
        request = _request(self._http, call, timeout_s)
        try:
            return _json(self._http.send(request))
        except httpx.TransportError as error:
            _raise_as_ours(error, request, timeout_s)


class _AsyncHttpTransport:
    def __init__(self, http: httpx.AsyncClient, timeout_s: float) -> None:
        self._http = http
        self._timeout_s = timeout_s

    async def send(self, call: Call[Any]) -> object:
        timeout_s = call.wait_s(self._timeout_s)
        request = _request(self._http, call, timeout_s)
        try:
            return _json(await self._http.send(request))
        except httpx.TransportError as error:
            _raise_as_ours(error, request, timeout_s)


def _address(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise InvalidRequest(f"{url!r} is not the address of a service", f"want one like {DEFAULT_URL}")
    return url


def _headers(api_key: str | None) -> dict[str, str]:
    return {"Accept": "application/json"} | ({} if api_key is None else {API_KEY_HEADER: api_key})


def _request(http: httpx.Client | httpx.AsyncClient, call: Call[Any], timeout_s: float) -> httpx.Request:
    """The call as HTTP. One image travels as it is, with the options in the query: base64 would add a third to it."""
    if call.operation == "status":
        return http.build_request("GET", "/status", timeout=timeout_s)
    if call.operation == "batch_predict":
        body = {"images": [base64.b64encode(image).decode() for image in call.images], **call.options}
        return http.build_request("POST", "/batch_predict", json=body, timeout=timeout_s)
    return http.build_request(
        "POST",
        f"/{call.operation}",
        content=call.images[0],
        params={name: _in_query(value) for name, value in call.options.items()},
        headers={"Content-Type": "application/octet-stream"},
        timeout=timeout_s,
    )


def _in_query(value: object) -> str:
    """An option as the query has it: lists as a,b and objects as JSON."""
    if isinstance(value, Mapping):
        return json.dumps(dict(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _json(response: httpx.Response) -> object:
    """The decoded body of a good answer; raises the error of another."""
    if not response.is_success:
        raise _error_of(response)
    try:
        return response.json()
    except ValueError as error:
        raise _not_quorum(response) from error


def _error_of(response: httpx.Response) -> QuorumError:
    try:
        problem = ErrorAnswer.model_validate_json(response.content).error
    except ValidationError:
        return _not_quorum(response)
    kind = _kinds().get(problem.code) or _kind_of_status(response.status_code)
    if not issubclass(kind, ServiceError):
        return kind(problem.message, problem.hint)
    return kind(problem.message, problem.hint, _seconds(response.headers.get("Retry-After", "")))


def _kinds() -> dict[str, type[QuorumError]]:
    """Every error of the tree by its code; where a kind shares its parent's code, the more special one."""

    def below(kind: type[QuorumError]) -> list[type[QuorumError]]:
        return [kind, *(special for child in kind.__subclasses__() for special in below(child))]

    return {kind.code: kind for kind in below(QuorumError)}


def _kind_of_status(status: int) -> type[QuorumError]:
    """For a code that this version of the client does not know."""
    if status in (429, 503):
        return Overloaded
    return InputError if status < 500 else InternalFailure


def _seconds(text: str) -> float | None:
    return float(text) if text.isdigit() else None


def _not_quorum(response: httpx.Response) -> Unreachable:
    return Unreachable(
        f"{response.request.url} answered {response.status_code}, but not as Quorum does",
        "is another service on this port? `quorum up --port 8001` starts Quorum on another one",
    )


def _raise_as_ours(error: httpx.TransportError, request: httpx.Request, timeout_s: float) -> NoReturn:
    where = f"{request.url.scheme}://{request.url.netloc.decode()}"
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        raise Unreachable(
            f"nothing answers at {where}", "start the service with `make run` or `quorum up`, or give another --url"
        ) from error
    if isinstance(error, httpx.TimeoutException):
        raise DeadlineExceeded(
            f"{where} did not answer within {timeout_s:g} s", "ask for less at once, or wait longer (timeout_s)"
        ) from error
    raise Unreachable(
        f"the connection to {where} broke: {error}", "ask again; if it stays so, see the service's log"
    ) from error


def _handle(application: str, address: str) -> Any:  # noqa: ANN401 - Ray is not typed here
    try:
        import ray
        from ray import serve
        from ray.serve.exceptions import RayServeException
    except ImportError as error:
        raise Unreachable(
            "a handle needs Ray, which is not installed", "pip install 'quorum-ocr[serve]', or use Client over HTTP"
        ) from error
    if not ray.is_initialized():
        logging.getLogger("ray.serve").setLevel(logging.WARNING)  # it tells of every handle that is made
        try:
            ray.init(address=address, namespace="serve", log_to_driver=False, logging_level="ERROR")
        except ConnectionError as error:
            raise Unreachable(
                f"no Ray cluster lets this process in at {address!r}",
                "run this on a node of it (with RAY_AUTH_MODE=token if it has a token), or use Client over HTTP",
            ) from error
    try:
        return serve.get_app_handle(application)
    except RayServeException as error:
        raise Unreachable(
            f"no application '{application}' runs on this Ray cluster", "start it with `quorum up` or `serve run`"
        ) from error


class _HandleTransport:
    def __init__(self, handle: Any, timeout_s: float) -> None:  # noqa: ANN401 - Ray is not typed here
        self._handle = handle
        self._timeout_s = timeout_s

    def send(self, call: Call[Any]) -> object:
        from ray.exceptions import RayError, RayTaskError
        from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

        timeout_s = call.wait_s(self._timeout_s)
        try:
            return self._start(call).result(timeout_s=timeout_s)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"the application did not answer within {timeout_s:g} s", "ask for less at once, or wait longer"
            ) from error
        except BackPressureError as error:
            raise Overloaded("the application's queue is full", "ask again in a moment", 1.0) from error
        except DeploymentUnavailableError as error:
            raise NotReady("the application is not up", "ask again in a few seconds", 5.0) from error
        except RayTaskError as error:
            if isinstance(error.cause, QuorumError):
                raise error.cause from error
            raise InternalFailure(f"the application failed: {error.cause!r}", "its log has the details") from error
        except RayError as error:
            raise InternalFailure(f"the replica that was asked is gone: {error}", "ask again") from error

    def _start(self, call: Call[Any]) -> Any:  # noqa: ANN401 - Ray is not typed here
        """Start the call: methods of the ingress take an image file, or a list of them, and the options."""
        method = getattr(self._handle, call.operation)
        if call.operation == "status":
            return method.remote()
        if call.operation == "batch_predict":
            return method.remote(list(call.images), dict(call.options))
        return method.remote(call.images[0], dict(call.options))
