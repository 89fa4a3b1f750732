"""One file over HTTP: resumed where it was cut, never taken for complete when it is not.

What has come lies beside the target as NAME.partial, with the server's validator (its ETag, or the date) in NAME.tag.
A later attempt asks for the rest on the condition that the file is still that one; a server that ignores this sends the
whole, which replaces what was there. Whether the content is the right one is for the caller to check.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ocr.errors import StoreError

if TYPE_CHECKING:
    import httpx

Progress = Callable[[str, int, int | None], None]
"""Called with the name of a file, how many of its bytes are here, and how many it has, if that is known."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often in a row an attempt may fail without a single new byte, and how long the first pause is."""

    attempts: int = 5
    pause_s: float = 1.0
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class PartialDownload:
    """What has come of the file `target` so far, and which content it is of."""

    target: Path
    path: Path
    tag_path: Path

    @classmethod
    def of(cls, target: Path) -> PartialDownload:
        return cls(target, target.with_name(f"{target.name}.partial"), target.with_name(f"{target.name}.tag"))

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def tag(self) -> str:
        return self.tag_path.read_text() if self.tag_path.is_file() else ""

    def complete(self) -> None:
        """It is all here: let it appear under its name."""
        self.path.replace(self.target)
        self.tag_path.unlink(missing_ok=True)

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.tag_path.unlink(missing_ok=True)


class _TryAgainError(Exception):
    """The server could not answer this time."""


def download(
    url: str,
    target: Path,
    *,
    progress: Progress,
    retry: RetryPolicy,
    limit_bytes: int,
) -> None:
    """Fetch `url` into `target`.

    The caller checks the content, so a transfer may go on without a validator and need not say how long it is;
    `limit_bytes` is where an answer that does not end is refused. Raises StoreError when the file is not there, is too
    long, or the network gives up; what has come stays for the next call.
    """
    import httpx

    part = PartialDownload.of(target)
    failures = 0
    with httpx.Client(follow_redirects=True, timeout=retry.timeout_s, verify=_trusted()) as client:
        while True:
            before = part.size
            try:
                _attempt(client, url, part, progress, limit_bytes)
                break
            except (httpx.TransportError, _TryAgainError) as error:
                failures = 1 if part.size > before else failures + 1
                if failures >= retry.attempts:
                    raise StoreError(
                        f"{url} cannot be reached: {error or type(error).__name__}",
                        "check the network and --mirror; the same command continues where this one stopped",
                    ) from error
                time.sleep(retry.pause_s * 2 ** (failures - 1))
    part.complete()


@cache
def _trusted() -> ssl.SSLContext:
    """Whom to trust, read once: a model has many files, and reading the certificates takes longer than a small one."""
    import httpx

    return httpx.create_ssl_context()


def _attempt(client: httpx.Client, url: str, part: PartialDownload, progress: Progress, limit_bytes: int) -> None:
    have, tag = part.size, part.tag
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if tag:
            headers["If-Range"] = tag
    with client.stream("GET", url, headers=headers) as response:
        start = _start(response, url, part)
        total = _total(response, url, start)
        part.tag_path.write_text(_validator(response))
        with part.path.open("ab" if start else "wb") as file:
            done = start
            for chunk in response.iter_raw():
                file.write(chunk)
                done += len(chunk)
                if done > limit_bytes:
                    part.discard()
                    raise StoreError(f"{url} is longer than {limit_bytes:,} bytes", "it is not the right file")
                progress(part.target.name, done, total)


def _start(response: httpx.Response, url: str, part: PartialDownload) -> int:
    """At which byte the answer starts. Raises what its status means."""
    if urlsplit(url).scheme == "https" and response.url.scheme != "https":
        raise StoreError(f"{url} leads to {response.url}, which is not encrypted", "use another mirror")
    status = response.status_code
    if status == 200:
        return 0
    if status == 206:
        found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if found is not None and int(found[1]) == part.size:
            return part.size
    if status in (206, 416):  # a range that was not asked for, or that is not there: from the beginning then
        part.discard()
        raise _TryAgainError("the server does not go on where the transfer stopped")
    if status in (408, 425, 429) or status >= 500:
        raise _TryAgainError(f"HTTP {status}")
    raise StoreError(f"{url}: HTTP {status}", "check the address, --mirror and the revision in the table")


def _total(response: httpx.Response, url: str, start: int) -> int | None:
    """How long the file is; None when only its end tells. Raises StoreError for what comes compressed."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise StoreError(f"{url} is compressed, which was not requested", "use another mirror")
    length = response.headers.get("Content-Length")
    return start + int(length) if length is not None else None


def _validator(response: httpx.Response) -> str:
    """By which a later request can demand the same content: a strong ETag, or the date of the last change."""
    tag = str(response.headers.get("ETag", ""))
    return tag if tag and not tag.startswith("W/") else str(response.headers.get("Last-Modified", ""))
