"""The reverse proxy's configuration, tried with a real nginx before an application that says what reached it."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from tests.fakes.served import free_port

ROOT = Path(__file__).parents[3]
CONFIG = (ROOT / "cluster" / "reverse_proxy" / "nginx.conf").read_text()

pytestmark = pytest.mark.processes


class Upstream(BaseHTTPRequestHandler):
    """Answers with the headers that matter here, and counts requests."""

    protocol_version = "HTTP/1.1"
    requests: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.requests.append(self.path)
        body = self.rfile.read(int(self.headers["content-length"]))
        told = f"{len(body)} {self.headers['host']} {self.headers['x-forwarded-for']}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an nginx with our configuration, whose patience is a second where it is ten."""
    folder = tmp_path_factory.mktemp("nginx")
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    port = free_port()
    config = CONFIG.replace("127.0.0.1:8000", f"127.0.0.1:{upstream.server_port}").replace("8080", str(port))
    config = re.sub(r"(client_\w+_timeout) 10s", r"\1 1s", config).replace("addresses 100", "addresses 8")
    (folder / "nginx.conf").write_text(config)
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert program is not None, "nginx is not installed: make test does it"
    command = [program, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as nginx:
        try:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert nginx.poll() is None, nginx.stderr and nginx.stderr.read().decode()
                time.sleep(0.1)
            yield port
        finally:
            nginx.terminate()
            upstream.shutdown()
            upstream.server_close()


def closed_after(port: int, sent: bytes) -> tuple[bytes, float]:
    """What comes back on a connection that sends this and nothing more, and after how many seconds it is closed."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(sent)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(4096):
                answer += piece
    return answer, time.monotonic() - began


def test_a_request_passes_with_its_host_and_the_address_that_it_came_from(port: int) -> None:
    answer = httpx.post(
        f"http://127.0.0.1:{port}/predict", content=b"x" * 500_000, headers={"X-Forwarded-For": "6.6.6.6"}
    )
    assert answer.text == f"500000 127.0.0.1:{port} 127.0.0.1"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nX-A: ",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf",
    ],
    ids=["silent", "headers that never end", "a body that never ends"],
)
def test_who_says_nothing_is_cut_off_and_the_service_never_hears_of_it(port: int, sent: bytes) -> None:
    before = len(Upstream.requests)
    _, seconds = closed_after(port, sent)
    assert seconds < 9.0, "the socket's own limit is 10 s"
    assert len(Upstream.requests) == before


def test_headers_and_bodies_are_bounded(port: int) -> None:
    url = f"http://127.0.0.1:{port}/predict"
    assert httpx.post(url, headers={"X-Long": "x" * 40_000}).status_code == 400
    assert httpx.post(url, content=b"x" * 53_000_000).status_code == 413


def is_refused_beside(port: int, connections: int) -> bool:
    """Whether a request is refused while so many others of the same address are under way. They are cut off after a
    second, which a busy machine may take to look at them.
    """
    slow = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf"
    with contextlib.ExitStack() as held:
        for _ in range(connections):
            held.enter_context(socket.create_connection(("127.0.0.1", port), 10)).sendall(slow)
        statuses = (httpx.post(f"http://127.0.0.1:{port}/predict", content=b"x").status_code for _ in range(20))
        return 503 in statuses


def test_one_address_has_so_many_connections(port: int) -> None:
    assert any(is_refused_beside(port, 8) for _ in range(10))
    time.sleep(1.5)  # until none of them is left
    assert not is_refused_beside(port, 2)
