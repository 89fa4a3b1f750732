"""A Redis server of our own for as long as a program runs: what a head and the live configuration may be kept in."""

from __future__ import annotations

import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster.local.hosts import free_port
from cluster.local.ray_folder import LOOPBACK
from ocr.errors import NotReady

_START_S = 30.0


@dataclass(eq=False, slots=True)
class RedisServer:
    """Where it listens, the password that it asks for, and the folder in which it keeps what it acknowledged. It can be
    killed and started again.
    """

    host: str
    port: int
    password: str = field(repr=False)
    folder: Path
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def url(self, database: int) -> str:
        return f"redis://:{self.password}@{self.address}/{database}"

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Return once it answers. Raises NotReady when it does not."""
        # Everybody on the machine can read the arguments of a process; nobody else reads its standard input.
        self.process = subprocess.Popen(
            ["redis-server", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        assert self.process.stdin is not None
        with self.process.stdin as configuration:
            configuration.write(
                f'bind {self.host}\nport {self.port}\nsave ""\nappendonly yes\ndir {self.folder}\n'
                f"requirepass {self.password}\n"
            )
        self._await(self.process)

    def kill(self) -> None:
        """As when its machine dies: whoever asks it is refused until it is started again."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=10)

    def _await(self, server: subprocess.Popen[str]) -> None:
        """Return once it answers: after it was killed it reads for a moment what it kept."""
        from redis import Redis, RedisError

        deadline = time.monotonic() + _START_S
        while True:
            try:
                with Redis.from_url(self.url(0)) as client:
                    client.ping()
                return
            except RedisError as error:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise NotReady(
                        f"redis-server does not answer: {error}", "is it installed, and the machine not too busy?"
                    ) from error
            time.sleep(0.05)


@contextmanager
def running_redis(host: str = LOOPBACK) -> Iterator[RedisServer]:
    """An empty server at an address of this machine, with a new password. What it wrote is gone with it."""
    with tempfile.TemporaryDirectory() as folder:
        redis = RedisServer(host, free_port(), secrets.token_hex(32), Path(folder))
        try:
            redis.start()
            yield redis
        finally:
            redis.end()
