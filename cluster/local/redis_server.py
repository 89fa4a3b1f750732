"""A Redis server of our own for as long as a program runs: what a head and the live configuration may be kept in."""

from __future__ import annotations

import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cluster.local.hosts import free_port
from cluster.local.ray_folder import LOOPBACK
from ocr.errors import NotReady

_START_S = 30.0


@dataclass(frozen=True, slots=True)
class RedisServer:
    """Where it listens, and the password that it asks for."""

    host: str
    port: int
    password: str = field(repr=False)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def url(self, database: int) -> str:
        return f"redis://:{self.password}@{self.address}/{database}"


@contextmanager
def running_redis(host: str = LOOPBACK) -> Iterator[RedisServer]:
    """An empty server at an address of this machine, that writes nothing to disk and has a new password."""
    redis = RedisServer(host, free_port(), secrets.token_hex(32))
    with tempfile.TemporaryDirectory() as folder:
        # Everybody on the machine can read the arguments of a process; nobody else reads its standard input.
        server = subprocess.Popen(["redis-server", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        assert server.stdin is not None
        with server.stdin as configuration:
            configuration.write(
                f'bind {host}\nport {redis.port}\nsave ""\ndir {folder}\nrequirepass {redis.password}\n'
            )
        try:
            _await(server, redis)
            yield redis
        finally:
            server.terminate()
            server.wait(timeout=10)


def _await(server: subprocess.Popen[str], redis: RedisServer) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        with socket.socket() as knock:
            if knock.connect_ex((redis.host, redis.port)) == 0:
                return
        if server.poll() is not None or time.monotonic() > deadline:
            raise NotReady("redis-server does not answer", "is it installed, and the machine not too busy?")
        time.sleep(0.05)
