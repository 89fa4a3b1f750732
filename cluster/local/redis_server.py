"""A Redis server of our own for as long as a program runs: what a head and the live configuration may be kept in."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.local.hosts import free_port
from ocr.errors import NotReady

_START_S = 30.0


@contextmanager
def running_redis(address: str = "127.0.0.1") -> Iterator[str]:
    """The host:port of an empty server that writes nothing to disk. It asks for no password: who reaches `address`
    reaches it, so that must be loopback or a network of hosts on this machine.
    """
    port = free_port()
    options = ["--bind", address, "--port", str(port), "--save", "", "--protected-mode", "no"]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(["redis-server", *options, "--dir", folder], stdout=subprocess.DEVNULL)
        try:
            _await(server, address, port)
            yield f"{address}:{port}"
        finally:
            server.terminate()
            server.wait(timeout=10)


def _await(server: subprocess.Popen[bytes], address: str, port: int) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        with socket.socket() as knock:
            if knock.connect_ex((address, port)) == 0:
                return
        if server.poll() is not None or time.monotonic() > deadline:
            raise NotReady("redis-server does not answer", "is it installed, and the machine not too busy?")
        time.sleep(0.05)
