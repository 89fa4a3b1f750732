"""A host that no longer answers anything, as when its power fails: nobody tells the client."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from cluster.local.hosts import Host, namespaced_hosts, why_no_namespaces

_SILENT = """
import socket, time
server = socket.create_server(("", 8000))
print("listening", flush=True)
connection = server.accept()[0]
connection.recv(65536)
print("asked", flush=True)
time.sleep(600)
"""
_ASK = """
import sys
from ocr.errors import ConnectionBroken
from quorum.client import Client, Retries
try:
    Client(sys.argv[1], retries=Retries(times=0), timeout_s=60.0).read(b"image")
except ConnectionBroken:
    print("the connection is broken")
"""


@pytest.fixture
def host() -> Iterator[Host]:
    missing = why_no_namespaces()
    if missing:
        pytest.skip(missing)
    with namespaced_hosts(1) as [made]:
        yield made


@pytest.mark.processes
def test_a_client_that_waits_for_an_answer_notices_within_seconds_that_the_host_is_gone(host: Host) -> None:
    # In processes of their own: tests reach nothing but loopback.
    with subprocess.Popen(
        [*host.command_prefix, sys.executable, "-c", _SILENT], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        server.stdout.readline()
        with subprocess.Popen([sys.executable, "-c", _ASK, host.url], stdout=subprocess.PIPE, text=True) as client:
            assert server.stdout.readline() == "asked\n"
            host.disconnect()
            pulled = time.monotonic()
            said, _ = client.communicate(timeout=50)
        server.kill()
    assert said == "the connection is broken\n"
    assert time.monotonic() - pulled < 15.0
