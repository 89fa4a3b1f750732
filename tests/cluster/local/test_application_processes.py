"""What processes do for the application, by their titles."""

from __future__ import annotations

import psutil
import pytest

from cluster.local.application_processes import component_of


class Titled:
    """A process as far as its title goes."""

    def __init__(self, *cmdline: str, status: str = psutil.STATUS_RUNNING) -> None:
        self._cmdline, self._status = cmdline, status

    def cmdline(self) -> list[str]:
        return list(self._cmdline)

    def status(self) -> str:
        return self._status


@pytest.mark.parametrize(
    ("title", "part"),
    [
        ("ray::ServeReplica:quorum:Gateway", "Gateway"),
        ("ray::ServeReplica:quorum:emnist_cnn.read", "emnist_cnn"),
        ("ray::ServeController.listen_for_change", "ServeController"),
        ("ray::ProxyActor", "ProxyActor"),
        ("ray::IDLE", None),
        ("ray::DashboardAgent", None),
        ("/usr/bin/python", None),
    ],
)
def test_parts_are_known_by_their_titles(title: str, part: str | None) -> None:
    assert component_of(Titled(title)) == part  # type: ignore[arg-type]


def test_what_has_no_title_or_is_dead_already_is_no_part() -> None:
    assert component_of(Titled()) is None  # type: ignore[arg-type]
    dead = Titled("ray::ProxyActor", status=psutil.STATUS_ZOMBIE)
    assert component_of(dead) is None  # type: ignore[arg-type]
