"""The clients that speak to the application through a Serve handle, from another process on its Ray cluster.

Ray is imported when one is made. Replies and errors are the same as over HTTP. Times are seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ocr.errors import DeadlineExceeded, InternalFailure, InvalidRequest, NotReady, Overloaded, QuorumError, Unreachable
from quorum.client.calls import Call, WrittenFile
from quorum.client.http import DEFAULT_TIMEOUT_S
from quorum.client.operations import AsyncOperations, Operations
from quorum.client.retrying import Retries


class HandleClient(Operations):
    """Asks through a Serve handle, from any process that can join the Ray cluster at `address`.

    Connects to the cluster when it is made, unless this process is connected already. Raises Unreachable when Ray is
    not installed, no cluster is found, or the application does not run there.
    """

    def __init__(
        self,
        application: str = "quorum",
        *,
        address: str = "auto",
        timeout_s: float = DEFAULT_TIMEOUT_S,
        retries: Retries | None = None,
    ) -> None:
        super().__init__(_HandleTransport(_handle(application, address), timeout_s), retries or Retries())


class AsyncHandleClient(AsyncOperations):
    """The same for a caller with an event loop. Making it may block for as long as joining the cluster takes."""

    def __init__(
        self,
        application: str = "quorum",
        *,
        address: str = "auto",
        timeout_s: float = DEFAULT_TIMEOUT_S,
        retries: Retries | None = None,
    ) -> None:
        super().__init__(_AsyncHandleTransport(_handle(application, address), timeout_s), retries or Retries())


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
                "run this on a node of it, with its token (`source` the file that `quorum up` names, or set "
                "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH), or use Client over HTTP",
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
        timeout_s = call.wait_s(self._timeout_s)
        with _errors_as_ours(timeout_s):
            return _start(self._handle, call).result(timeout_s=timeout_s)


class _AsyncHandleTransport:
    def __init__(self, handle: Any, timeout_s: float) -> None:  # noqa: ANN401 - Ray is not typed here
        self._handle = handle
        self._timeout_s = timeout_s

    async def send(self, call: Call[Any]) -> object:
        timeout_s = call.wait_s(self._timeout_s)
        with _errors_as_ours(timeout_s):
            async with asyncio.timeout(timeout_s):
                return await _start(self._handle, call)


@contextmanager
def _errors_as_ours(timeout_s: float) -> Iterator[None]:
    """Turn what Ray and Serve raise into the errors that HTTP brings."""
    from ray.exceptions import RayError, RayTaskError
    from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

    try:
        yield
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


def _start(handle: Any, call: Call[Any]) -> Any:  # noqa: ANN401 - Ray is not typed here
    """Start the call: methods of the ingress take an image file, or a list of them, and the options."""
    if call.answer is WrittenFile or call.operation not in ("predict", "predict_text", "batch_predict", "status"):
        raise InvalidRequest("a handle only reads: no files, no administration", "ask for this over HTTP")
    method = getattr(handle, call.operation)
    if call.operation == "status":
        return method.remote()
    if call.operation == "batch_predict":
        return method.remote(list(call.images), dict(call.options))
    return method.remote(call.images[0], dict(call.options))
