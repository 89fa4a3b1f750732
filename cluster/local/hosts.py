"""Hosts on this machine, for a cluster of several nodes: they share the loopback interface, or are network namespaces.

On loopback every node has the address 127.0.0.1 and ports of its own, and no other machine reaches one. A namespace is
a host of its own as far as the network goes: its own interface, its own port 8000, and an interface that can be taken
down. Namespaces need Linux, root and the program `ip`; `why_no_namespaces` says what is not there. Programs of this
machine reach every host, and are reached at `Host.gateway_address`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cluster.local.ray_folder import LOOPBACK

# The range that is set aside for measuring between hosts (RFC 2544): nothing else is there.
_NETWORK = "198.18"
_HTTP_PORT = 8000
# Below those that Linux gives away (ip_local_port_range), of which a node of Ray takes a hundred.
_PORTS = range(20_000, 32_000)


@dataclass(frozen=True, slots=True)
class Host:
    """Where a node runs. `command_prefix` stands before each command that is to run there; `interface` is the interface
    on this side that leads there, if there is one; `gateway_address` is this machine's address as the host sees it.
    """

    name: str
    address: str
    http_address: str
    http_port: int
    command_prefix: tuple[str, ...] = ()
    interface: str = ""
    gateway_address: str = LOOPBACK

    @property
    def url(self) -> str:
        """Where a proxy on this host is asked."""
        return f"http://{self.http_address}:{self.http_port}"

    def disconnect(self) -> None:
        """Take the interface down: packets to and from the host are lost, nobody is told."""
        _ip("link", "set", self.interface, "down")

    def reconnect(self) -> None:
        _ip("link", "set", self.interface, "up")

    def received_bytes(self) -> int:
        """How much has gone over the interface to the host so far."""
        return int(Path(f"/sys/class/net/{self.interface}/statistics/tx_bytes").read_text())


def loopback_hosts(count: int) -> list[Host]:
    """Hosts that share the loopback interface, with a port each."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return [Host(f"host{n}", LOOPBACK, LOOPBACK, port) for n, port in enumerate(ports, 1)]


def free_port() -> int:
    """A port of the loopback interface that nobody uses at the moment, and that is given to nobody who asks for any:
    what is started on it later must still find it free.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


def why_no_namespaces() -> str:
    """Why there cannot be hosts in network namespaces here; empty when there can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    if shutil.which("ip") is None:
        return "the program ip is not here (Debian: apt-get install iproute2)"
    probe = f"quorum-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return f"this machine refuses to make network namespaces: {made.stderr.strip()}"
    _ip("netns", "delete", probe)
    return ""


@contextlib.contextmanager
def namespaced_hosts(count: int) -> Iterator[list[Host]]:
    """Hosts with a network of their own, on one bridge, which are gone when the block is left."""
    own = os.getpid() % 250 + 1
    bridge = f"quorum{own}"
    hosts = [
        Host(
            f"quorum{own}-{n}",
            f"{_NETWORK}.{own}.{n + 1}",
            f"{_NETWORK}.{own}.{n + 1}",
            _HTTP_PORT,
            ("ip", "netns", "exec", f"quorum{own}-{n}"),
            f"quorum{own}v{n}",
            f"{_NETWORK}.{own}.1",
        )
        for n in range(1, count + 1)
    ]
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("address", "add", f"{_NETWORK}.{own}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for host in hosts:
            _connect(host, bridge)
        yield hosts
    finally:
        for host in hosts:  # the interface by name: the kernel clears away a namespace, and what is in it, only later
            subprocess.run(["ip", "link", "delete", host.interface], capture_output=True, check=False)
            subprocess.run(["ip", "netns", "delete", host.name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "delete", bridge], capture_output=True, check=False)


def _connect(host: Host, bridge: str) -> None:
    _ip("netns", "add", host.name)
    _ip("link", "add", host.interface, "type", "veth", "peer", "name", "eth0", "netns", host.name)
    _ip("link", "set", host.interface, "master", bridge, "up")
    _ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", "eth0")
    _ip("-n", host.name, "link", "set", "eth0", "up")
    _ip("-n", host.name, "link", "set", "lo", "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, check=True)
