"""The clients that speak HTTP: they need neither Ray nor an engine.

Replies are parsed with the types of ocr.contract, errors become those of ocr.errors. Times are seconds.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import json
import os
import socket
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn, Self, Unpack
from urllib.parse import quote
from urllib.request import getproxies

import httpx
from pydantic import ValidationError

from ocr.contract import ErrorAnswer
from ocr.errors import (
    ConnectionBroken,
    DeadlineExceeded,
    InputError,
    InternalFailure,
    InvalidRequest,
    NotFound,
    Overloaded,
    QuorumError,
    ServiceError,
    TooLarge,
    TooManyPages,
    Unreachable,
)
from ocr.job_contract import JobsAnswer
from quorum.client.calls import Call, Readable, WrittenFile, encoded
from quorum.client.jobs import (
    AsyncJob,
    Files,
    Job,
    JobKeywords,
    JobRequest,
    job_of,
    list_request,
    show_request,
    submit_request,
)
from quorum.client.operations import AsyncOperations, Operations
from quorum.client.retrying import Retries
from quorum.client.reviews import AsyncReview, Review, ReviewKeywords, ReviewRequests, state_of

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT_S = 60.0
API_KEY_HEADER = "X-API-Key"
IDEMPOTENCY_HEADER = "Idempotency-Key"
# Long enough for any network. A host that is gone must not cost a call all of its time: not one that connects, nor one
# that waits on an open connection while the host no longer acknowledges anything (tcp(7), on Linux).
_CONNECT_S = 3.0
# Between two pieces of an answer about a job: its lines wait for pages.
_JOB_S = 60.0
NOTICING_THE_DEAD = (
    [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 2),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 3000),
    ]
    if sys.platform == "linux"
    else []
)


_EVERYWHERE = "all://"

# Operations without an image: how they are asked, and where.
_ADMINISTRATION = {
    "status": ("GET", "/status"),
    "config": ("GET", "/config"),
    "change_config": ("PUT", "/config"),
    "change_weights": ("POST", "/config/weights"),
    "performance": ("GET", "/performance"),
    "self_test": ("POST", "/test"),
}


class Client(Operations):
    """Asks over HTTP. One client may be used by many threads; `close` it, or use it in a `with` statement.

    `url` may be several addresses of one cluster, in the order in which they are tried: the next one is asked when one
    does not answer or is in trouble.
    """

    def __init__(
        self,
        url: str | Sequence[str] = DEFAULT_URL,
        api_key: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        *,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        mounts = None if _goes_by_proxy() else {_EVERYWHERE: httpx.HTTPTransport(socket_options=NOTICING_THE_DEAD)}
        self._http = httpx.Client(headers=_headers(api_key), transport=transport, mounts=None if transport else mounts)
        addresses, retries = _Addresses(url), retries or Retries()
        self._jobs = _HttpJobs(self._http, addresses, timeout_s, retries)
        super().__init__(_HttpTransport(self._http, addresses, timeout_s), retries)

    def submit(self, files: Files, *, key: str | None = None, **options: Unpack[JobKeywords]) -> Job:
        """Hand over one file or several, however long they are. Files that are paths are sent from the disk. What is
        handed over again under the same `key` is the same job. Raises as `read` does, and RateLimited where too much of
        yours waits already.
        """
        request = submit_request(files, options, key or uuid.uuid4().hex)
        return Job(self._jobs, job_of(self._jobs.answer(request)))

    def job(self, job_id: str) -> Job:
        """A job that was submitted. Raises NotFound."""
        return Job(self._jobs, job_of(self._jobs.answer(show_request(job_id))))

    def review(self, job_id: str, key: str | None = None, **options: Unpack[ReviewKeywords]) -> Review:
        """The review of a job that has ended: by its key that of anybody's; else of one's own job, made now where there
        is none yet. Raises NotFound, NotFinished, and OutOfRange where there is one that asks otherwise than `options`.
        """
        requests = ReviewRequests(job_id, key)
        if not options:
            try:
                return Review(self._jobs, state_of(self._jobs.answer(requests.show())), key)
            except NotFound:
                if key is not None:
                    raise
        return Review(self._jobs, state_of(self._jobs.answer(requests.make(options))), key)

    def jobs(self) -> Iterator[Job]:
        """One's own jobs, the newest first."""
        before: str | None = None
        while True:
            page = JobsAnswer.model_validate_json(self._jobs.answer(list_request(before)).content)
            yield from (Job(self._jobs, answer) for answer in page.jobs)
            before = page.next
            if before is None:
                return

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(AsyncOperations):
    """Asks over HTTP from an event loop. `aclose` it, or use it in an `async with` statement."""

    def __init__(
        self,
        url: str | Sequence[str] = DEFAULT_URL,
        api_key: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        *,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        mounts = None if _goes_by_proxy() else {_EVERYWHERE: httpx.AsyncHTTPTransport(socket_options=NOTICING_THE_DEAD)}
        self._http = httpx.AsyncClient(
            headers=_headers(api_key), transport=transport, mounts=None if transport else mounts
        )
        addresses, retries = _Addresses(url), retries or Retries()
        self._jobs = _AsyncHttpJobs(self._http, addresses, timeout_s, retries)
        super().__init__(_AsyncHttpTransport(self._http, addresses, timeout_s), retries)

    async def submit(self, files: Files, *, key: str | None = None, **options: Unpack[JobKeywords]) -> AsyncJob:
        """Hand over one file or several; see Client.submit."""
        request = submit_request(files, options, key or uuid.uuid4().hex)
        return AsyncJob(self._jobs, job_of(await self._jobs.answer(request)))

    async def job(self, job_id: str) -> AsyncJob:
        """A job that was submitted; see Client.job."""
        return AsyncJob(self._jobs, job_of(await self._jobs.answer(show_request(job_id))))

    async def review(self, job_id: str, key: str | None = None, **options: Unpack[ReviewKeywords]) -> AsyncReview:
        """The review of a job that has ended; see Client.review."""
        requests = ReviewRequests(job_id, key)
        if not options:
            try:
                return AsyncReview(self._jobs, state_of(await self._jobs.answer(requests.show())), key)
            except NotFound:
                if key is not None:
                    raise
        return AsyncReview(self._jobs, state_of(await self._jobs.answer(requests.make(options))), key)

    async def jobs(self) -> AsyncIterator[AsyncJob]:
        """One's own jobs, the newest first."""
        before: str | None = None
        while True:
            page = JobsAnswer.model_validate_json((await self._jobs.answer(list_request(before))).content)
            for answer in page.jobs:
                yield AsyncJob(self._jobs, answer)
            before = page.next
            if before is None:
                return

    async def aclose(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _goes_by_proxy() -> bool:
    """Whether the environment names a proxy for everything: httpx puts it where our transport would be. One for http or
    https alone comes before ours by itself.
    """
    return "all" in getproxies()


class _Addresses:
    """The addresses of a cluster; `current` is the one that is asked."""

    def __init__(self, urls: str | Sequence[str]) -> None:
        self._urls = [_address(url) for url in ([urls] if isinstance(urls, str) else urls)]
        if not self._urls:
            raise InvalidRequest("no address of a service was given", f"give one like {DEFAULT_URL}")
        self._at = 0

    @property
    def current(self) -> str:
        return self._urls[self._at]

    def leave(self, url: str) -> None:
        """Ask the next one from now on, unless another call has left `url` already."""
        if url == self.current:
            self._at = (self._at + 1) % len(self._urls)


class _HttpTransport:
    def __init__(self, http: httpx.Client, addresses: _Addresses, timeout_s: float) -> None:
        self._http = http
        self._addresses = addresses
        self._timeout_s = timeout_s

    def send(self, call: Call[Any]) -> object:
        timeout_s = call.wait_s(self._timeout_s)
        with _answer_from(self._addresses, timeout_s) as url:
            return _reply(call, self._http.send(_request(self._http, url, call, timeout_s)))


class _AsyncHttpTransport:
    def __init__(self, http: httpx.AsyncClient, addresses: _Addresses, timeout_s: float) -> None:
        self._http = http
        self._addresses = addresses
        self._timeout_s = timeout_s

    async def send(self, call: Call[Any]) -> object:
        timeout_s = call.wait_s(self._timeout_s)
        with _answer_from(self._addresses, timeout_s) as url:
            return _reply(call, await self._http.send(_request(self._http, url, call, timeout_s)))


class _HttpJobs:
    """Carries requests about jobs."""

    def __init__(self, http: httpx.Client, addresses: _Addresses, timeout_s: float, retries: Retries) -> None:
        self._http = http
        self._addresses = addresses
        self._timeout_s = timeout_s
        self._retries = retries

    def answer(self, request: JobRequest) -> httpx.Response:
        tries = self._retries.of_request()
        while True:
            try:
                with _answer_from(self._addresses, self._timeout_s) as url, ExitStack() as opened:
                    asked = _job_request(self._http, url, request, self._timeout_s, opened)
                    return _good(self._http.send(asked))
            except ServiceError as error:
                time.sleep(tries.pause_s(error))

    @contextmanager
    def lines(self, request: JobRequest) -> Iterator[Iterator[str]]:
        with _answer_from(self._addresses, self._timeout_s) as url, ExitStack() as opened:
            asked = _job_request(self._http, url, request, self._timeout_s, opened)
            response = self._http.send(asked, stream=True)
            opened.callback(response.close)
            if not response.is_success:
                response.read()
            yield _good(response).iter_lines()


class _AsyncHttpJobs:
    def __init__(self, http: httpx.AsyncClient, addresses: _Addresses, timeout_s: float, retries: Retries) -> None:
        self._http = http
        self._addresses = addresses
        self._timeout_s = timeout_s
        self._retries = retries

    async def answer(self, request: JobRequest) -> httpx.Response:
        tries = self._retries.of_request()
        while True:
            try:
                with _answer_from(self._addresses, self._timeout_s) as url, ExitStack() as opened:
                    asked = _job_request(self._http, url, request, self._timeout_s, opened)
                    return _good(await self._http.send(asked))
            except ServiceError as error:
                await asyncio.sleep(tries.pause_s(error))

    @asynccontextmanager
    async def lines(self, request: JobRequest) -> AsyncIterator[AsyncIterator[str]]:
        async with AsyncExitStack() as closing:
            with _answer_from(self._addresses, self._timeout_s) as url, ExitStack() as opened:
                asked = _job_request(self._http, url, request, self._timeout_s, opened)
                response = await self._http.send(asked, stream=True)
                closing.push_async_callback(response.aclose)
                if not response.is_success:
                    await response.aread()
                yield _good(response).aiter_lines()


def _job_request(
    http: httpx.Client | httpx.AsyncClient, url: str, request: JobRequest, timeout_s: float, opened: ExitStack
) -> httpx.Request:
    """The request; its files are open until `opened` is closed, and go from the disk piece by piece."""
    files = [("file", _file_of(number, file, opened)) for number, file in enumerate(request.files)]
    return http.build_request(
        request.method,
        f"{url}{request.path}",
        params=dict(request.params),
        files=files or None,
        data=_in_text(request.options) if files else None,
        json=request.body,
        headers={**request.headers, **({IDEMPOTENCY_HEADER: request.key} if request.key else {})},
        timeout=httpx.Timeout(max(timeout_s, _JOB_S), connect=min(timeout_s, _CONNECT_S)),
    )


def _file_of(number: int, file: Readable, opened: ExitStack) -> tuple[str, IO[bytes] | bytes]:
    """A name and the file, opened where it is a path."""
    if isinstance(file, str | Path):
        return _in_utf_8(Path(file).name), opened.enter_context(Path(file).open("rb"))
    return f"file {number}", encoded(file)


def _good(response: httpx.Response) -> httpx.Response:
    if not response.is_success:
        raise _error_of(response)
    return response


@contextmanager
def _answer_from(addresses: _Addresses, timeout_s: float) -> Iterator[str]:
    """The address to ask. What goes wrong on the way becomes an error of ours, and an address in trouble is left."""
    url = addresses.current
    try:
        yield url
    except httpx.TransportError as error:
        addresses.leave(url)
        _raise_as_ours(error, url, timeout_s)
    except ServiceError:
        addresses.leave(url)
        raise


def _address(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise InvalidRequest(f"{url!r} is not the address of a service", f"give one like {DEFAULT_URL}")
    return url.rstrip("/")


def _headers(api_key: str | None) -> dict[str, str]:
    return {"Accept": "application/json, */*;q=0.1"} | ({} if api_key is None else {API_KEY_HEADER: api_key})


def _request(http: httpx.Client | httpx.AsyncClient, url: str, call: Call[Any], timeout_s: float) -> httpx.Request:
    """The call as HTTP. One image travels as it is, with the options in the query: base64 would add a third to it."""
    timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S))
    named = {IDEMPOTENCY_HEADER: call.key}
    if call.operation in _ADMINISTRATION:
        method, path = _ADMINISTRATION[call.operation]
        body = None if method == "GET" else dict(call.options)
        headers = {} if call.version is None else {"If-Match": f'"{call.version}"'}
        return http.build_request(method, f"{url}{path}", json=body, headers=headers, timeout=timeout)
    if call.operation == "batch_predict":
        body = {"images": [base64.b64encode(image).decode() for image in call.images], **call.options}
        return http.build_request("POST", f"{url}/batch_predict", json=body, headers=named, timeout=timeout)
    return http.build_request(
        "POST",
        f"{url}/{call.operation}",
        content=call.images[0],
        params=_in_text(call.options),
        headers={"Content-Type": "application/octet-stream", **_disposition(call.file_name), **named},
        timeout=timeout,
    )


def _disposition(name: str) -> dict[str, str]:
    """The name of a file as RFC 6266 writes it."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(_in_utf_8(name), safe='')}"} if name else {}


def _in_utf_8(name: str) -> str:
    """The name of a file as a request can have it: what is not UTF-8 in it with backslashes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _in_text(options: Mapping[str, Any]) -> dict[str, str]:
    """Options as a query and a form have them."""
    return {name: _as_text(value) for name, value in options.items()}


def _as_text(value: object) -> str:
    """Lists as a,b and objects as JSON."""
    if isinstance(value, Mapping):
        return json.dumps(dict(value))
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return json.dumps(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _reply(call: Call[Any], response: httpx.Response) -> object:
    """The decoded body of a good answer, or the file that it is; raises the error of another."""
    if not response.is_success:
        raise _error_of(response)
    if call.answer is WrittenFile:
        return {"content": response.content, "media_type": response.headers.get("Content-Type", "")}
    try:
        return response.json()
    except ValueError as error:
        raise _not_quorum(response) from error


def _error_of(response: httpx.Response) -> QuorumError:
    try:
        problem = ErrorAnswer.model_validate_json(response.content).error
    except ValidationError:
        return _gateway_lost(response) if response.status_code >= 500 else _not_quorum(response)
    if problem.max_pages is not None:
        return TooManyPages(problem.message, problem.hint, problem.max_pages)
    kind = _kinds().get(problem.code) or _kind_of_status(response.status_code)
    if not issubclass(kind, ServiceError):
        return kind(problem.message, problem.hint)
    return kind(problem.message, problem.hint, _seconds(response.headers.get("Retry-After", "")))


def _kinds() -> dict[str, type[QuorumError]]:
    """Every error of the tree by its code; where a kind shares its parent's code, the more special one,
    unless it needs more than a message (TooManyPages).
    """

    def below(kind: type[QuorumError]) -> list[type[QuorumError]]:
        return [kind, *(special for child in kind.__subclasses__() for special in below(child))]

    return {kind.code: kind for kind in below(QuorumError)} | {TooLarge.code: TooLarge}


def _kind_of_status(status: int) -> type[QuorumError]:
    """For a code that this version of the client does not know."""
    if status in (429, 503):
        return Overloaded
    return InputError if status < 500 else InternalFailure


def _seconds(text: str) -> float | None:
    return float(text) if text.isdigit() else None


def _gateway_lost(response: httpx.Response) -> ConnectionBroken:
    """A proxy answers in its own words when the Gateway that it asked died, or while there is none."""
    return ConnectionBroken(
        f"{response.request.url} answered {response.status_code} in place of Quorum",
        "ask again, or give the address of another node; if it stays so, see /status and the service's log",
    )


def _not_quorum(response: httpx.Response) -> Unreachable:
    return Unreachable(
        f"{response.request.url} answered {response.status_code}, but not as Quorum does",
        "is another service on this port? `quorum up --port 8001` starts Quorum on another one",
    )


def _raise_as_ours(error: httpx.TransportError, where: str, timeout_s: float) -> NoReturn:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        raise ConnectionBroken(
            f"nothing answers at {where}", "start the service with `make run` or `quorum up`, or give another --url"
        ) from error
    if isinstance(error, httpx.TimeoutException) and not _host_is_dead(error):
        raise DeadlineExceeded(
            f"{where} did not answer within {timeout_s:g} s", "ask for less at once, or wait longer (timeout_s)"
        ) from error
    raise ConnectionBroken(
        f"the connection to {where} broke: {error}", "ask again; if it stays so, see the service's log"
    ) from error


def _host_is_dead(error: httpx.TimeoutException) -> bool:
    """Whether the system gave the connection up: httpx calls that a timeout like its own."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno == errno.ETIMEDOUT:
            return True
        cause = cause.__cause__ or cause.__context__  # httpcore hides the cause of what passes its pool
    return False
