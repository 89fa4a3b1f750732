"""Whose address counts, and who may say so."""

from __future__ import annotations

import pytest

from deployments.gateway.access.client_address import client_address


def address(client: str | None, forwarded: list[str], proxies: tuple[str, ...] = ()) -> str:
    headers = [(b"x-forwarded-for", text.encode("latin-1")) for text in forwarded]
    return client_address({"type": "http", "client": client and (client, 1), "headers": headers}, proxies)


def test_a_header_that_no_proxy_wrote_says_nothing() -> None:
    assert address("10.0.0.9", ["1.2.3.4"]) == "10.0.0.9"
    assert address("10.0.0.9", ["1.2.3.4"], ("10.0.0.1",)) == "10.0.0.9"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (["1.2.3.4"], "1.2.3.4"),
        (["6.6.6.6, 1.2.3.4"], "1.2.3.4"),  # the caller wrote the first one itself
        (["6.6.6.6", "1.2.3.4, 10.0.0.2"], "1.2.3.4"),  # two proxies of ours
        (["1.2.3.4, nonsense"], "10.0.0.1"),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ([], "10.0.0.1"),
        (["2001:db8::1"], "2001:db8::/64"),
    ],
)
def test_the_last_address_that_is_no_proxy_asks(forwarded: list[str], expected: str) -> None:
    assert address("10.0.0.1", forwarded, ("10.0.0.0/8",)) == expected


def test_a_server_that_tells_no_address_leaves_it_unknown() -> None:
    assert address(None, ["1.2.3.4"], ("0.0.0.0/0",)) == "unknown"


def test_the_addresses_of_one_ipv6_subscriber_are_one_caller() -> None:
    assert address("2001:db8:0:7::1", []) == address("2001:db8:0:7:ffff::2", []) == "2001:db8:0:7::/64"
    assert address("2001:db8:0:8::1", []) == "2001:db8:0:8::/64"
    assert address("::ffff:10.0.0.9", []) == "10.0.0.9"


def test_a_proxy_with_an_ipv6_address_is_known_by_all_of_it() -> None:
    assert address("fd00::1", ["1.2.3.4"], ("fd00::1",)) == "1.2.3.4"
    assert address("fd00::2", ["1.2.3.4"], ("fd00::1",)) == "fd00::/64"
