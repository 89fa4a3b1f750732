"""What `quorum up` opens to others: nothing on another interface but one port of each replica, and nothing that acts
without the token. What it writes, nobody else reads.
"""

from __future__ import annotations

import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest

from cluster.local.application_processes import component_of
from tests.fakes.up_run import ROOT, Run

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

REPLICAS = {"Gateway", "tesseract", "trocr"}
# What each of Ray's programs is asked. All of it is refused before the empty message is looked at.
METHODS = (
    "ray.rpc.NodeInfoGcsService/GetAllNodeInfo",  # the head
    "ray.rpc.NodeManagerService/GetNodeStats",  # a raylet
    "ray.rpc.ObjectManagerService/Pull",  # its object store
    "ray.rpc.ReporterService/GetTraceback",  # the agent of a node
    "ray.rpc.CoreWorkerService/PushTask",  # every worker, and the driver
    "ray.serve.ASGIService/HandleRequest",  # a replica
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    started = Run(tmp_path_factory.mktemp("up"), "tests.fakes.app:build")
    try:
        started.until("serving on")
        yield started
    finally:
        started.process.terminate()
        started.process.communicate(timeout=100)
        started.kill()


def listening(run: Run) -> list[tuple[str, str, int]]:
    """What each listening socket belongs to, its address and its port."""
    return [
        (component_of(process) or process.name(), socket.laddr.ip.removeprefix("::ffff:"), socket.laddr.port)
        for process in run.processes()
        for socket in process.net_connections("inet")
        if socket.status == "LISTEN"
    ]


def test_all_of_it_listens_on_loopback_but_one_port_of_each_replica(run: Run) -> None:
    sockets = listening(run)
    assert {"gcs_server", "raylet", "ServeController", "ProxyActor", *REPLICAS} <= {part for part, _, _ in sockets}
    assert sorted(part for part, address, _ in sockets if address != "127.0.0.1") == sorted(REPLICAS)


def refused(port: int, method: str) -> str:
    """How a call without the token ends; "" where nobody speaks gRPC."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            channel.unary_unary(f"/{method}")(b"", timeout=10)
        except grpc.RpcError as error:
            code: str = error.code().name
            return "" if code == "UNAVAILABLE" else code
    return "OK"


def test_every_server_of_ray_refuses_calls_without_the_token(run: Run) -> None:
    said = {(part, port): {refused(port, method) for method in METHODS} for part, _, port in listening(run)}
    spoken = {where: codes for where, codes in said.items() if codes != {""}}
    assert {part for part, _ in spoken} >= {"gcs_server", "raylet", "ServeController", "ProxyActor", *REPLICAS}
    # UNIMPLEMENTED is what a server says of the methods of the others.
    assert {where: codes for where, codes in spoken.items() if codes != {"UNAUTHENTICATED", "UNIMPLEMENTED"}} == {}


def at(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def demands_a_token(url: str) -> bool:
    """Whether somebody there speaks HTTP, and refuses who has no token."""
    try:
        return httpx.get(f"{url}/api/version").status_code == 401
    except httpx.HTTPError:
        return False


def agent_of(run: Run) -> str:
    """Where the agent of the node speaks HTTP. It begins late on a busy machine, and says to nobody that it has."""
    until = time.monotonic() + 120.0
    while time.monotonic() < until:
        ports = [port for part, _, port in listening(run) if part.startswith("ray::Dash")]
        for url in map(at, ports):
            if demands_a_token(url):
                return url
        time.sleep(0.5)
    pytest.fail("no agent of the node speaks HTTP and demands the token")


def test_the_agent_of_the_node_refuses_http_without_the_token(run: Run) -> None:
    url = agent_of(run)
    token = (run.ray_folder() / "token").read_text()
    assert httpx.get(f"{url}/api/healthz").status_code == 200
    assert httpx.get(f"{url}/api/version", headers={"Authorization": f"Bearer {token}"}).status_code != 401


@pytest.mark.parametrize(("has_token", "lets_in"), [(True, True), (False, False)])
def test_a_program_joins_the_cluster_with_the_token_alone(run: Run, has_token: bool, lets_in: bool) -> None:
    told = run.environment_to_join()
    if not has_token:
        told |= {"RAY_AUTH_TOKEN": "0" * 64}
    program = "from quorum.client import HandleClient; HandleClient(); print('joined')"
    finished = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**run.environment, **told},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ("joined" in finished.stdout) is lets_in
    assert lets_in or "Unreachable" in finished.stderr.splitlines()[-1], finished.stderr


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_reads_what_it_writes(run: Run) -> None:
    folder = run.ray_folder()
    told = Path(run.environment["STATE_DIR"]) / "running"
    assert [mode(folder), mode(told)] == [0o700, 0o700]
    assert [mode(folder / "token"), mode(told / f"{run.port}.sh")] == [0o600, 0o600]
    assert (folder / "ray" / "session_latest" / "logs").is_dir()
