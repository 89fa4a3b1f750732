"""Who installs Quorum without an extra has the client and the contract."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Imports both where nothing else can be found but what is named, as in an environment that has no more.
_IMPORTS = """
import sys
from importlib.metadata import packages_distributions

there, made_by = set(sys.argv[1:]), packages_distributions()


class Missing:
    def find_spec(self, name, path=None, target=None):
        makers = {each.lower().replace("_", "-") for each in made_by.get(name.partition(".")[0], ())}
        if makers and not makers & there:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Missing())
import ocr.contract
import quorum.client
"""


def _with_all_that_they_need(names: set[str]) -> set[str]:
    found: set[str] = set()
    while new := names - found:
        found |= new
        for name in new:
            try:
                needed = requires(name) or []
            except PackageNotFoundError:  # of another system
                continue
            names = names | {_name(each) for each in needed if "extra ==" not in each}
    return found


def _name(requirement: str) -> str:
    named = re.match(r"[\w.-]+", requirement)
    assert named is not None
    return re.sub(r"[-_.]+", "-", named[0]).lower()


@pytest.mark.processes
def test_the_client_and_the_contract_need_no_extra() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        base = {_name(each) for each in tomllib.load(file)["project"]["dependencies"]}
    there = _with_all_that_they_need(base) | {"quorum-ocr"}
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS, *there], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
