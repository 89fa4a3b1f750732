"""API keys: kept as hashes, of two roles."""

from __future__ import annotations

import sys

import pytest

from deployments.config.api_keys import Role, caller_of, hashed, main, new_key
from deployments.config.schema import SecurityConfig

SECURITY = SecurityConfig(api_keys=(hashed("reader"), hashed("other")), admin_api_keys=(hashed("boss"),))


@pytest.mark.parametrize(
    ("key", "role"),
    [("reader", Role.USER), ("other", Role.USER), ("boss", Role.ADMIN), ("", Role.ANYBODY)],
)
def test_a_key_has_the_role_of_the_list_it_stands_in(key: str, role: Role) -> None:
    caller = caller_of(key, SECURITY)
    assert caller is not None
    assert caller.role is role
    assert key == "" or key not in caller.key


@pytest.mark.parametrize("key", ["nobody", "reader ", "READER", hashed("boss"), "\ud800", "schlüssel"])
def test_anything_else_is_nobodys_key_and_a_hash_that_leaked_opens_nothing(key: str) -> None:
    assert caller_of(key, SECURITY) is None


def test_an_administrator_may_read_and_a_reader_may_not_administer() -> None:
    assert Role.ADMIN.may(Role.USER)
    assert not Role.USER.may(Role.ADMIN)
    assert Role.ANYBODY.may(Role.ANYBODY)


def test_new_keys_differ_and_are_long() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(len(key) >= 43 for key in keys)


def test_the_command_makes_a_key_and_its_hash(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["keys"])
    main()
    key, digest = (line.split()[1] for line in capsys.readouterr().out.splitlines())
    assert hashed(key) == digest
    monkeypatch.setattr(sys, "argv", ["keys", key])
    main()
    assert capsys.readouterr().out.split() == ["hash:", digest]
