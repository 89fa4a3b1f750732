"""A real HTTP server on loopback that holds files, as a release page, a raw file host or a model hub does, and fails as
told: it cuts connections, ignores ranges, sends other bytes, or answers with an error for a while.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class ModelServer:
    """`cuts` and `statuses` are used up request by request; `asked` is (method, path, Range header) of each request."""

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    honours_ranges: bool = True
    sends_tags: bool = True
    sends_lengths: bool = True
    encoding: str = ""
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    hold: threading.Event | None = None
    url: str = ""

    def fetched(self, path: str) -> list[str | None]:
        """The Range headers of the GET requests for `path`."""
        return [range_ for method, asked, range_ in self.asked if (method, asked) == ("GET", path)]


@contextmanager
def serving(server: ModelServer) -> Iterator[ModelServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            server.asked.append((self.command, self.path, self.headers.get("Range")))
            if body and server.statuses[self.path]:
                self._refuse(server.statuses[self.path].pop(0))
            elif self.path not in server.files:
                self._refuse(404)
            else:
                self._send(server.files[self.path], body=body)

        def _refuse(self, status: int) -> None:
            self.send_response(status)
            if "/resolve/" in self.path and status == 404:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, content: bytes, *, body: bool) -> None:
            tag = f'"{hashlib.sha256(content).hexdigest()}"'
            start = self._start(content, tag)
            self.send_response(206 if start else 200)
            if server.sends_tags:
                self.send_header("ETag", tag)
            if revision := re.search(r"/resolve/([^/]+)/", self.path):
                self.send_header("X-Repo-Commit", revision[1])
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if server.encoding:
                self.send_header("Content-Encoding", server.encoding)
            if server.sends_lengths:
                self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            if body:
                self._write(content[start:])

        def _start(self, content: bytes, tag: str) -> int:
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
            if asked is None or not server.honours_ranges or self.headers.get("If-Range", tag) != tag:
                return 0
            return int(asked[1])

        def _write(self, content: bytes) -> None:
            if server.hold is not None:
                server.hold.wait(10)
            if server.cuts[self.path]:
                content = content[: server.cuts[self.path].pop(0)]
                self.close_connection = True
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
