"""A cluster of four nodes on this machine that reads the sample page: which engine runs where, and what travels.

    python -m benchmarks.scaling.cluster_demo                  (make cluster-demo)

The Gateway and the Router are on the head, Segmentation and Tesseract on a node of their own, the other engines on two
nodes with a card each, which is only a number in Ray's books: the engines hold fractions of it and read on the CPU.
Where network namespaces can be made each node is a host with its own network, and what goes over its cable is counted;
elsewhere the nodes share the loopback interface. In the end every process is gone.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.harness.results import ROOT
from benchmarks.harness.serving import QUICK, wait_until
from cluster.local.hosts import Host, loopback_hosts, namespaced_hosts, why_no_namespaces
from cluster.local.multi_node_cluster import MultiNodeCluster
from deployments.config.schema import ENGINES
from deployments.placement import application
from ocr.contract import StatusAnswer, TextAnswer
from ocr.errors import ServiceError
from quorum.client import Client

_WARM_S = 600.0
_READ_S = 60.0
_END_S = 10.0
# The nodes by the label that places deployments on them, the head first.
_CARDS = {"front": 0.0, "cutting": 0.0, "card1": 1.0, "card2": 1.0}
_FRACTIONS = {"emnist_cnn": 0.1, "easyocr": 0.2, "trocr": 0.3, "paddleocr": 0.15}
_AT = {
    "front": ("Gateway", "Router"),
    "cutting": ("Segmentation", "tesseract"),
    "card1": ("emnist_cnn", "trocr"),
    "card2": ("easyocr", "paddleocr"),
}
_PLACES = {part: place for place, parts in _AT.items() for part in parts}


def main() -> None:
    """Start, read, show, stop."""
    console = Console()
    with _hosts(console) as hosts:
        with MultiNodeCluster({"PYTHONPATH": str(ROOT)}) as nodes, tempfile.TemporaryDirectory() as state:
            names = dict(zip((host.name for host in hosts), _CARDS, strict=True))
            for host, (label, cards) in zip(hosts, _CARDS.items(), strict=True):
                nodes.add(host, cpus=8.0, gpus=cards, labels={"place": label})
                console.print(f"node [bold]{label}[/] runs at {host.address}" + (", with a card" if cards else ""))
            nodes.deploy(_application(hosts[0], state))
            with Client(hosts[0].url) as client:
                status = _warm(client)
                answer, travelled = _read(client, hosts)
            console.print(f"\n{answer.text}\n")
            console.print(_engines(nodes, names, status, answer))
            console.print(_cables(names, travelled, answer))
        console.print(_left(psutil.Process().children(recursive=True)))


@contextmanager
def _hosts(console: Console) -> Iterator[Sequence[Host]]:
    missing = why_no_namespaces()
    if missing:
        console.print(f"nodes share the loopback interface: {missing}")
        yield loopback_hosts(len(_CARDS))
        return
    with namespaced_hosts(len(_CARDS)) as hosts:
        console.print("each node is a host with a network of its own")
        yield hosts


def _application(head: Host, state: str) -> dict[str, Any]:
    known = [
        {"name": f"benchmarks.simulated_gpu.{name}", "gpu": _FRACTIONS[name]} if name in _FRACTIONS else {"name": name}
        for name in ENGINES
    ]
    address = "0.0.0.0" if head.command_prefix else head.http_address  # noqa: S104 - a namespace has no other network
    arguments = {"engines": known, "state_dir": state, "ready_engines": len(known)}
    placed = {name: _placed(name, place) for name, place in _PLACES.items()}
    return {
        "proxy_location": "HeadOnly",
        "http_options": {"host": address, "port": head.http_port, "request_timeout_s": 120.0},
        "applications": [application(arguments, placed)],
    }


def _placed(name: str, place: str) -> dict[str, Any]:
    needs = {"num_cpus": 0.5, "num_gpus": _FRACTIONS.get(name, 0.0), "label_selector": {"place": place}}
    return {"num_replicas": 1, "ray_actor_options": needs}


def _warm(client: Client) -> StatusAnswer:
    """What the service says of itself, once every engine can read."""

    def ready() -> bool:
        try:
            return client.status().status == "ready"
        except ServiceError:
            return False

    wait_until(ready, _WARM_S, lambda: f"not every engine is warm, see {client.status().engines},", 1.0)
    return client.status()


@dataclass(frozen=True, slots=True)
class Received:
    """What went to a host while a page was read, in bytes; None where there is no cable to count on."""

    host: str
    received: int | None


def _read(client: Client, hosts: Sequence[Host]) -> tuple[TextAnswer, list[Received]]:
    client.read(QUICK, timeout_s=_READ_S)  # the second reading has nothing left to load
    before = [host.received_bytes() if host.interface else None for host in hosts]
    answer = client.read(QUICK, timeout_s=_READ_S)
    after = [host.received_bytes() if host.interface else None for host in hosts]
    return answer, [
        Received(host.name, None if now is None or then is None else now - then)
        for host, then, now in zip(hosts, before, after, strict=True)
    ]


def _engines(nodes: MultiNodeCluster, names: Mapping[str, str], status: StatusAnswer, answer: TextAnswer) -> Table:
    where = {actor.component: names[actor.host] for actor in nodes.actors()}
    table = Table("engine", "node", "of its card", "model", "status", "ms")
    for name, engine in status.engines.items():
        said = answer.engine_predictions[name]
        fraction = f"{engine.gpu_fraction:g}" if engine.gpu_fraction else "none"
        table.add_row(name, where[name], fraction, engine.model, said.status, f"{said.latency_ms:.0f}")
    return table


def _cables(names: Mapping[str, str], travelled: Sequence[Received], answer: TextAnswer) -> str:
    pixels = answer.width * answer.height * 3
    if travelled[0].received is None:
        return f"the page has {pixels / 1e6:.1f} MB of pixels; without cables nobody counts what goes to which node"
    told = ", ".join(f"{names[one.host]} {(one.received or 0) / 1e6:.2f} MB" for one in travelled)
    return (
        f"the page has {pixels / 1e6:.1f} MB of pixels and {QUICK.stat().st_size / 1e6:.2f} MB as a file; while it was "
        f"read, over the cables to the nodes went: {told}. Lines are cut on `cutting` and go from there by reference "
        "to the nodes that read them; the Router on `front` sees where they are, and what is read."
    )


def _left(processes: Sequence[psutil.Process]) -> str:
    _, alive = psutil.wait_procs(processes, timeout=_END_S)
    if alive:
        sys.exit(f"still running: {', '.join(str(process) for process in alive)}")
    return "stopped; no process is left"


if __name__ == "__main__":
    main()
