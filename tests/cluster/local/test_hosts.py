"""Hosts for the nodes of a cluster; those in namespaces where the machine allows it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from cluster.local.hosts import Host, loopback_hosts, namespaced_hosts, why_no_namespaces

_LISTEN = """
import socket
server = socket.create_server(("", 8000))
print("listening", flush=True)
while True:
    server.accept()[0].sendall(b"hello")
"""
_CALL = """
import socket, sys
print(socket.create_connection((sys.argv[1], 8000), timeout=1.0).recv(5).decode())
"""


@pytest.fixture
def hosts() -> Iterator[list[Host]]:
    missing = why_no_namespaces()
    if missing:
        pytest.skip(missing)
    with namespaced_hosts(2) as made:
        yield made


def hello_from(target: Host, caller: Host) -> str:
    """What `caller` hears from a program on `target`; "" when it hears nothing."""
    call = [*caller.command_prefix, sys.executable, "-c", _CALL, target.address]
    return subprocess.run(call, capture_output=True, text=True, timeout=30, check=False).stdout.strip()


@pytest.mark.processes
def test_hosts_in_namespaces_reach_each_other_until_a_cable_is_pulled(hosts: list[Host]) -> None:
    target, caller = hosts
    listen = [*target.command_prefix, sys.executable, "-c", _LISTEN]
    with subprocess.Popen(listen, stdout=subprocess.PIPE, text=True) as listening:
        assert listening.stdout is not None
        listening.stdout.readline()
        before = target.received_bytes()
        assert hello_from(target, caller) == "hello"
        assert target.received_bytes() > before
        target.disconnect()
        assert hello_from(target, caller) == ""
        target.reconnect()
        assert hello_from(target, caller) == "hello"
        listening.kill()


@pytest.mark.processes
def test_nothing_of_the_hosts_is_left() -> None:
    missing = why_no_namespaces()
    if missing:
        pytest.skip(missing)
    with namespaced_hosts(2) as hosts:
        assert {host.name for host in hosts} <= _namespaces()
        assert hosts[0].interface in _told("link")
    assert not {host.name for host in hosts} & _namespaces()
    assert hosts[0].interface not in _told("link")


def _namespaces() -> set[str]:
    return {line.split()[0] for line in _told("netns", "list").splitlines()}


def _told(*words: str) -> str:
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=True).stdout


def test_hosts_on_loopback_differ_in_name_and_port() -> None:
    hosts = loopback_hosts(3)
    assert len({host.name for host in hosts}) == len({host.url for host in hosts}) == 3
    assert {host.address for host in hosts} == {"127.0.0.1"}
