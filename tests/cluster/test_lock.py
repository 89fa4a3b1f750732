"""What is installed: every file has a sha256 in a lock, and the scripts that install let nothing else in."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.cluster.locks import locked

ROOT = Path(__file__).parents[2]
LOCKS = [
    ROOT / "requirements.lock",
    *(ROOT / "cluster" / "gpu" / f"{name}.txt" for name in ("torch", "tensorflow", "onnxruntime")),
]
SCRIPTS = [ROOT / "cluster" / "setup.sh", ROOT / "cluster" / "docker" / "install.sh"]

LOCK = f"""\
alpha==1.0 \\
    --hash=sha256:{"a" * 64}
alpha-beta==2.0 ; python_full_version < '3.12' \\
    --hash=sha256:{"b" * 64} \\
    --hash=sha256:{"c" * 64}
alpha-beta==2.1 ; python_full_version >= '3.12' \\
    --hash=sha256:{"d" * 64}
nvidia-alpha-cu13==3.0 \\
    --hash=sha256:{"e" * 64}
torch==4.0 \\
    --hash=sha256:{"f" * 64}
torchvision==5.0 \\
    --hash=sha256:{"0" * 64}
"""


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_entry_pins_one_version_and_the_sha256_of_its_files(lock: Path) -> None:
    entries = locked(lock)
    assert entries
    for entry in entries:
        assert re.fullmatch(r"[a-z0-9-]+(\[[a-z,]+\])?==[^ ;]+( ; .+)?", entry.pin), entry.pin
        assert entry.hashes, entry.pin
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", value) for value in entry.hashes)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_place_where_files_come_from(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert set(re.findall(r"(?<!\S)-[\w-]+", text)) == {"--hash"}


@pytest.mark.parametrize("lock", LOCKS[1:], ids=lambda path: path.name)
def test_what_two_locks_pin_has_the_same_files_in_both(lock: Path) -> None:
    known = {entry.pin: entry.hashes for entry in locked(LOCKS[0])}
    here = {entry.pin: entry.hashes for entry in locked(lock)}
    both = known.keys() & here.keys()
    assert both
    assert {pin for pin in both if known[pin] != here[pin]} == set()


def shell(command: str, folder: Path, **environment: str) -> list[str]:
    (folder / "requirements.lock").write_text(LOCK)
    program = f". {ROOT}/cluster/lock.sh; {command}"
    said = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.splitlines()


def names(lines: list[str]) -> list[str]:
    return [line.split()[0] for line in lines if not line.startswith(" ")]


@pytest.mark.processes
class TestReadingItInAShell:
    def test_a_version_is_that_of_the_whole_name(self, tmp_path: Path) -> None:
        assert shell("locked alpha; locked torch", tmp_path) == ["1.0", "4.0"]

    def test_an_entry_comes_with_its_hashes_for_each_platform_that_has_one(self, tmp_path: Path) -> None:
        lines = shell("entries requirements.lock alpha-beta", tmp_path)
        assert names(lines) == ["alpha-beta==2.0", "alpha-beta==2.1"]
        assert [line.strip(" \\")[-1] for line in lines if line.startswith(" ")] == ["b", "c", "d"]

    def test_the_others_are_all_but_those(self, tmp_path: Path) -> None:
        lines = shell('other_entries requirements.lock "$torch_and_cuda"', tmp_path)
        assert names(lines) == ["alpha==1.0", "alpha-beta==2.0", "alpha-beta==2.1"]
        assert sum("--hash" in line for line in lines) == 4

    def test_torch_for_cpus_is_what_was_named_with_its_hashes(self, tmp_path: Path) -> None:
        named = ["torch==4.0+cpu --hash=sha256:1 --hash=sha256:2", "torchvision==5.0+cpu --hash=sha256:3"]
        said = shell("torch_for_cpus", tmp_path, TORCH_LOCK="\n".join(reversed(named)))
        assert [line.strip() for line in said] == named

    def test_torch_for_cpus_has_the_versions_of_the_lock_when_nothing_was_named(self, tmp_path: Path) -> None:
        assert shell("torch_for_cpus", tmp_path) == ["torch==4.0", "torchvision==5.0"]

    @pytest.mark.parametrize(
        "named",
        [
            "torch==4.1+cpu --hash=sha256:1 torchvision==5.0+cpu --hash=sha256:2",
            "torch==4.0.1 --hash=sha256:1 torchvision==5.0 --hash=sha256:2",
            "torch==4.0+cpu torchvision==5.0+cpu --hash=sha256:2",
            "torch==4.0+cpu --hash=sha256:1",
        ],
        ids=["another version", "a longer version", "no hash", "one is missing"],
    )
    def test_another_torch_than_that_of_the_lock_is_refused(self, named: str, tmp_path: Path) -> None:
        with pytest.raises(subprocess.CalledProcessError) as caught:
            shell("torch_for_cpus", tmp_path, TORCH_LOCK=named)
        assert "TORCH_LOCK has no" in caught.value.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_nothing_is_installed_without_a_hash_but_this_project_and_torch_for_cpus(script: Path) -> None:
    calls = re.findall(r"^ *(?:\S+ -m pip install|install(?:_locked)?) .*$", script.read_text(), re.MULTILINE)
    checked = [call for call in calls if "--require-hashes" in call or call.split()[0] == "install_locked"]
    rest = [call.strip() for call in calls if call not in checked]
    assert checked
    assert all("--editable ." in call or '--default-index "$TORCH_INDEX"' in call for call in rest), rest
    assert len(rest) == 2
    assert "TORCH_INDEX unchecked" in script.read_text()
    assert 'install_locked() { install --require-hashes --only-binary :all: "$@"; }' in script.read_text()
