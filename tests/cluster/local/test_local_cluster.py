from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from cluster.local.local_cluster import (
    ApplicationSnapshot,
    ComponentProgress,
    DeploymentState,
    StartupState,
    progress,
    warm_up,
)
from ocr.contract import StatusAnswer
from ocr.errors import InternalFailure, NotReady
from tests.fakes.service import status_answer

ANSWER = status_answer(available=("tesseract",))  # and trocr, which is not


def snapshot(
    status: str = "DEPLOYING", answer: bool = True, message: str = "", **deployments: str
) -> ApplicationSnapshot:
    return ApplicationSnapshot(
        status,
        message,
        {name: DeploymentState(state) for name, state in deployments.items()},
        ANSWER if answer else None,
    )


def stages(seen: ApplicationSnapshot) -> dict[str, StartupState]:
    return {part.component: part.state for part in progress(seen)}


def test_an_engine_that_answers_is_ready_with_its_model() -> None:
    assert progress(snapshot(tesseract="HEALTHY")) == [
        ComponentProgress("tesseract", StartupState.READY, "tesseract@1")
    ]


def test_an_engine_that_cannot_read_is_unavailable_with_its_reason() -> None:
    assert progress(snapshot(trocr="HEALTHY")) == [
        ComponentProgress("trocr", StartupState.UNAVAILABLE, "no model is bundled")
    ]


def trocr_starting(status: str) -> StatusAnswer:
    engines = {**ANSWER.engines, "trocr": ANSWER.engines["trocr"].model_copy(update={"detail": "starting"})}
    return ANSWER.model_copy(update={"engines": engines, "status": status})


def test_an_engine_that_the_service_has_not_heard_from_is_still_starting() -> None:
    seen = ApplicationSnapshot("RUNNING", "", {"trocr": DeploymentState("HEALTHY")}, trocr_starting("degraded"))
    assert stages(seen) == {"trocr": StartupState.STARTING}


def test_a_part_that_is_no_engine_is_ready_when_serve_says_so() -> None:
    assert stages(snapshot(Router="HEALTHY", Gateway="UPDATING")) == {
        "Router": StartupState.READY,
        "Gateway": StartupState.STARTING,
    }


def test_nothing_is_ready_while_nobody_answers() -> None:
    assert stages(snapshot(answer=False, Router="HEALTHY", tesseract="HEALTHY")) == {
        "Router": StartupState.STARTING,
        "tesseract": StartupState.STARTING,
    }


@pytest.mark.parametrize("status", ["UNHEALTHY", "DEPLOY_FAILED"])
def test_a_part_that_serve_gave_up_on_has_failed(status: str) -> None:
    assert stages(snapshot(tesseract=status)) == {"tesseract": StartupState.FAILED}


class Scene:
    """Snapshots one after the other, and a clock that runs by one second each."""

    def __init__(self, snapshots: Iterable[ApplicationSnapshot]) -> None:
        self._snapshots = iter(snapshots)
        self._last: ApplicationSnapshot | None = None
        self.now = 0.0
        self.reports: list[list[ComponentProgress]] = []
        self.first_engines: list[StatusAnswer] = []

    def snapshot(self) -> ApplicationSnapshot:
        self._last = next(self._snapshots, self._last)
        assert self._last is not None
        return self._last

    def sleep(self, _seconds: float) -> None:
        self.now += 1.0

    def warm_up(self, timeout_s: float = 10.0) -> object:
        return warm_up(
            self.snapshot,
            self.reports.append,
            timeout_s=timeout_s,
            logs=Path("/somewhere/logs"),
            on_first_engines=self.first_engines.append,
            clock=lambda: self.now,
            sleep=self.sleep,
        )


def test_warming_up_ends_when_every_part_is_settled_and_reports_each_snapshot() -> None:
    scene = Scene(
        [
            snapshot("NOT_STARTED", answer=False),
            snapshot(tesseract="UPDATING", trocr="UPDATING"),
            snapshot(tesseract="HEALTHY", trocr="UPDATING"),
            snapshot("RUNNING", tesseract="HEALTHY", trocr="HEALTHY"),
        ]
    )
    assert scene.warm_up() is ANSWER
    assert [[str(part.state) for part in parts] for parts in scene.reports] == [
        [],
        ["starting", "starting"],
        ["ready", "starting"],
        ["ready", "unavailable"],
    ]
    assert scene.first_engines == []


def test_when_the_service_is_ready_while_engines_start_that_is_told_once() -> None:
    not_yet, first = trocr_starting("not_ready"), trocr_starting("degraded")
    waiting = {"tesseract": DeploymentState("HEALTHY"), "trocr": DeploymentState("UPDATING")}
    scene = Scene(
        [
            ApplicationSnapshot("DEPLOYING", "", waiting, not_yet),
            ApplicationSnapshot("DEPLOYING", "", waiting, first),
            ApplicationSnapshot("DEPLOYING", "", waiting, first),
            snapshot("RUNNING", tesseract="HEALTHY", trocr="HEALTHY"),
        ]
    )
    assert scene.warm_up() is ANSWER
    assert scene.first_engines == [first]


def test_a_service_that_waits_for_no_engine_does_not_speak_of_first_ones() -> None:
    scene = Scene(
        [snapshot(tesseract="HEALTHY", JobWorker="UPDATING"), snapshot(tesseract="HEALTHY", JobWorker="HEALTHY")]
    )
    scene.warm_up()
    assert scene.first_engines == []


def test_an_application_that_cannot_start_is_an_error_with_serves_reason() -> None:
    failed = ApplicationSnapshot("DEPLOY_FAILED", "", {"trocr": DeploymentState("DEPLOY_FAILED", "it cannot be made")})
    with pytest.raises(InternalFailure, match="trocr: it cannot be made"):
        Scene([failed]).warm_up()


def test_an_application_that_was_never_built_is_an_error_with_the_applications_message() -> None:
    with pytest.raises(InternalFailure, match="no module named"):
        Scene([snapshot("DEPLOY_FAILED", answer=False, message="no module named nowhere")]).warm_up()


def test_what_does_not_start_in_time_is_named() -> None:
    scene = Scene([snapshot(tesseract="UPDATING", trocr="HEALTHY")])
    with pytest.raises(NotReady, match=r"^tesseract did not start within 3 s .*the logs are in /somewhere/logs"):
        scene.warm_up(timeout_s=3.0)
