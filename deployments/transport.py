"""Serve's handle calls as the rest of the project sees them: cancelled with their caller, failing in five known ways.

The only place that knows Ray's exceptions. What user code raised on the other side arrives as itself; what the
transport did wrong becomes one of the exceptions of `messages.call_errors`.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray import ObjectRef, serve
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    ObjectStoreFullError,
    OutOfDiskError,
    RayActorError,
    RayError,
    RayTaskError,
    TaskCancelledError,
    WorkerCrashedError,
)
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException
from ray.serve.schema import DeploymentStatusOverview

from deployments.messages.call_errors import CropsLost, NotDeployed, QueueFull, ReplicaLost, StoreFull

Response = Any
"""Serve's response types share no public base class."""


async def await_response(response: Response) -> Any:  # noqa: ANN401 - whatever the other side returns
    """What a handle call returns. Raises what the other side raised, or one of `messages.call_errors`."""
    with _translated_errors(), _cancelled_with_caller(response):
        return await response


async def deployment_statuses(within_s: float) -> dict[str, DeploymentStatusOverview]:
    """What Serve's controller says of each deployment of this replica's application; nothing when it does not answer
    in time, because it is being restarted.
    """
    try:
        async with asyncio.timeout(within_s):
            with _translated_errors():
                status = await asyncio.to_thread(serve.status)
    except (TimeoutError, ReplicaLost):
        return {}
    application = status.applications.get(serve.get_replica_context().app_name)
    return application.deployments if application else {}


async def alive_nodes() -> int:
    """How many nodes the cluster has now."""
    nodes = await asyncio.to_thread(ray.nodes)
    return sum(bool(node["Alive"]) for node in nodes)


def detached_context() -> contextvars.Context:
    """A context for work that outlives the request in which it is begun: with its request id and its trace, but when
    Ray cancels the request, the calls that are made in here go on.
    """
    from ray._raylet import async_task_id  # type: ignore[attr-defined]  # compiled, without a stub

    context = contextvars.copy_context()
    context.run(async_task_id.set, None)
    return context


async def first_value_and_next_reference(response: Response) -> tuple[Any, ObjectRef | None]:
    """The first value of a streaming call, and the reference of the second (None when there is no second).

    The generator's references are taken instead of its values, so that the second value stays where it is.
    """
    with _translated_errors(), _cancelled_with_caller(response):
        references = await response._to_object_ref_gen()
        first = await (await anext(references))
        return first, await anext(references, None)


@contextmanager
def _cancelled_with_caller(response: Response) -> Iterator[None]:
    """Stop the work on the other side when nobody waits for it any more."""
    finished = False
    try:
        yield
        finished = True
    finally:
        if not finished:
            response.cancel()


@contextmanager
def _translated_errors() -> Iterator[None]:
    # The order matters: Ray makes a user's exception an instance of both RayTaskError and its own class.
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise ReplicaLost("the call was cancelled by somebody who did not make it") from error
    except BackPressureError as error:
        raise QueueFull(str(error)) from error
    except DeploymentUnavailableError as error:
        raise NotDeployed("its replicas cannot be started; see /status and the log of its deployment") from error
    except ObjectLostError as error:
        raise CropsLost(_first_line(error)) from error
    except (RayActorError, NodeDiedError, WorkerCrashedError, TaskCancelledError) as error:
        raise ReplicaLost(_first_line(error)) from error
    except (ObjectStoreFullError, OutOfDiskError) as error:
        raise StoreFull(_first_line(error)) from error
    except RayTaskError as error:
        raise error.cause from error
    except (RayError, RayServeException) as error:
        raise ReplicaLost(f"{type(error).__name__}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
