"""API keys: made here, kept as hashes, compared in constant time.

A key is 32 random bytes, so one round of SHA-256 is enough: there is nothing to guess that a slow hash would protect
(unlike a password). What is kept is "sha256:" and the hexadecimal digest.

    python -m deployments.config.api_keys          a new key, and its hash for the configuration
    python -m deployments.config.api_keys KEY      the hash of a key that there is already
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from deployments.config.schema import SecurityConfig

_HASH = re.compile("sha256:[0-9a-f]{64}")


class Role(Enum):
    """What a caller may do: ordered, each may do what those before it may."""

    ANYBODY = 0
    USER = 1
    ADMIN = 2

    def may(self, needed: Role) -> bool:
        return self.value >= needed.value


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `key` is a short name of the key that is safe in logs; empty without one."""

    role: Role
    key: str = ""


def new_key() -> str:
    """A key that nobody can guess."""
    return f"qk_{secrets.token_urlsafe(32)}"


def hashed(key: str) -> str:
    """What is kept of a key. A hash stays as it is, so that a list may hold either."""
    return key if _HASH.fullmatch(key) else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def caller_of(key: str, security: SecurityConfig) -> Caller | None:
    """Who the key belongs to; None when it is nobody's. A caller without any key is ANYBODY."""
    if not key:
        return Caller(Role.ANYBODY)
    # Not `hashed`: a hash that leaked must not open a door.
    digest = f"sha256:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"
    name = digest[7:15]
    if _among(digest, security.admin_api_keys):
        return Caller(Role.ADMIN, name)
    if _among(digest, security.api_keys):
        return Caller(Role.USER, name)
    return None


def _among(digest: str, hashes: Sequence[str]) -> bool:
    """Whether it is one of them; takes as long whichever it is."""
    return any([hmac.compare_digest(digest, known) for known in hashes])  # noqa: C419 - a generator would stop early


def main() -> None:
    """Print a key and its hash."""
    key = sys.argv[1] if len(sys.argv) > 1 else new_key()
    if len(sys.argv) == 1:
        print(f"key:  {key}")
    print(f"hash: {hashed(key)}")


if __name__ == "__main__":
    main()
