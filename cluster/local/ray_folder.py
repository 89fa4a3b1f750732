"""What a Ray on this machine has to itself: a folder that no other user can enter, a token, and the loopback interface.

Ray's own /tmp/ray is readable by everybody. A `RayFolder` is made anew for each cluster, with a new token without which
nobody joins the cluster or calls its processes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ocr.errors import InternalFailure, InvalidRequest

LOOPBACK = "127.0.0.1"
# Ray's processes on a node at 127.0.0.1 listen on loopback; at any other address, 127.0.0.2 as well, on every
# interface. On Linux Ray replaces 127.0.0.1 by the address of an interface, unless this says that there is one node.
ONE_NODE: Mapping[str, str] = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}

# The path of a socket has at most 107 bytes (unix(7)); below its folder Ray needs 68 of them.
_LONGEST_BYTES = 39


@dataclass(frozen=True, slots=True)
class RayFolder:
    """The folder at `path`; its mode is 0700."""

    path: Path

    @classmethod
    def make(cls) -> Self:
        """A new one, with a new token, where temporary files go. Raises InvalidRequest where its path is too long."""
        made = cls(Path(tempfile.mkdtemp(prefix="quorum-")))
        if len(os.fsencode(made.ray)) > _LONGEST_BYTES:
            made.remove()
            raise InvalidRequest(
                f"paths below {made.path.parent} are too long for Ray's sockets", "set TMPDIR to a shorter one: /tmp"
            )
        made.token.touch(mode=0o600)
        made.token.write_text(secrets.token_hex(32))
        return made

    @property
    def ray(self) -> Path:
        """Where Ray writes. Ray opens it to everybody, and nobody gets there through the folder around it."""
        return self.path / "ray"

    @property
    def logs(self) -> Path:
        return self.ray / "session_latest" / "logs"

    @property
    def token(self) -> Path:
        return self.path / "token"

    def environment(self) -> dict[str, str]:
        """What a process is told that is to demand the token, or to show it."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.token)}

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def keep_to_itself(folder: RayFolder) -> None:
    """Have the Ray that is started next in this process demand the token of `folder` and listen on loopback; its
    processes inherit the environment. It still wants `_node_ip_address=LOOPBACK` and `_temp_dir=folder.ray`.

    Raises InternalFailure when Ray was imported before without `ONE_NODE`, which it reads then.
    """
    os.environ.pop("RAY_AUTH_TOKEN", None)  # it would count more than the file
    os.environ.update({**ONE_NODE, **folder.environment()})
    from ray._private import ray_constants
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]  # compiled

    if ray_constants.ENABLE_RAY_CLUSTER:
        raise InternalFailure("Ray was imported before it was told to stay on loopback", "start it in another process")
    # A Ray that ran in this process before had another token.
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()
