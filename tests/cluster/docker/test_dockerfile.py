"""The Dockerfile, read instruction by instruction: no container engine is needed to see what it would do."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from cluster.kuberay import OVERLAYS

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "cluster" / "docker" / "Dockerfile"
INSTALL = ROOT / "cluster" / "docker" / "install.sh"


def images_of_others(path: Path) -> dict[str, str]:
    """What images.env says, by variable."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


IMAGES_OF_OTHERS = images_of_others(DOCKERFILE.parent / "images.env")
_KNOWN = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "EXPOSE", "HEALTHCHECK", "CMD", "USER"}
ENGINES = ("tesseract", "paddleocr", "easyocr", "trocr", "emnist-cnn")
IMAGES = ("base", "cpu", "gpu", *ENGINES)


@dataclass(frozen=True)
class Instruction:
    word: str
    rest: str


@dataclass(frozen=True)
class Stage:
    name: str
    base: str
    own: tuple[Instruction, ...]

    def all(self, word: str) -> list[str]:
        return [instruction.rest for instruction in self.own if instruction.word == word]


def parsed(text: str) -> list[Instruction]:
    """Every instruction, its continued lines joined. An unknown word is an error."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = [Instruction(*line.split(" ", 1)) for line in joined.splitlines()]
    unknown = {instruction.word for instruction in found} - _KNOWN
    assert not unknown, f"unknown instructions: {unknown}"
    return found


def staged(instructions: list[Instruction]) -> dict[str, Stage]:
    stages: dict[str, Stage] = {}
    current: tuple[str, str] | None = None
    own: list[Instruction] = []
    for instruction in [*instructions, Instruction("FROM", "end AS end")]:
        if instruction.word == "FROM":
            if current is not None:
                stages[current[0]] = Stage(*current, tuple(own))
            base, word, name = instruction.rest.split()
            assert word == "AS"
            current, own = (name, base), []
        else:
            own.append(instruction)
    return stages


STAGES = staged(parsed(DOCKERFILE.read_text()))


def lineage(name: str) -> list[Stage]:
    """The stage and those that it is made on, the last first."""
    chain = [STAGES[name]]
    while chain[-1].base in STAGES:
        chain.append(STAGES[chain[-1].base])
    return chain


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps it out of the build; later lines win, as in Docker."""
    out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        parts = Path(path).parts
        heads = ["/".join(parts[: at + 1]) for at in range(len(parts))]
        if any(fnmatch.fnmatch(head, pattern.removeprefix("**/")) for head in heads):
            out = not line.startswith("!")
    return out


def copied_from_the_context() -> set[str]:
    lines = [rest for stage in STAGES.values() for rest in stage.all("COPY") if not rest.startswith("--from")]
    return {source for line in lines for source in line.split()[:-1]}


def extras_of(stage: str) -> set[str]:
    [line] = [rest for rest in STAGES[f"with-{stage}"].all("RUN") if "install.sh extras" in rest]
    return set(line.split("extras ")[1].split())


def test_there_is_an_image_for_each_set_of_engines() -> None:
    assert set(IMAGES) <= STAGES.keys()
    assert {pool.stage for overlay in OVERLAYS.values() for pool in overlay.pools} <= set(IMAGES)


def test_every_stage_is_built_on_one_that_stands_before_it_or_on_a_fixed_version() -> None:
    seen: set[str] = set()
    for stage in STAGES.values():
        assert stage.base in seen or stage.base == "${PYTHON_IMAGE}"
        for rest in stage.all("COPY"):
            for source in re.findall(r"--from=(\S+)", rest):
                assert source in seen
        seen.add(stage.name)
    tagged = IMAGES_OF_OTHERS["PYTHON_IMAGE"].partition("@")[0]
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", tagged)
    assert f"\nARG PYTHON_IMAGE={tagged}\n" in DOCKERFILE.read_text()


def test_what_is_copied_exists_and_is_part_of_the_build() -> None:
    paths = copied_from_the_context()
    assert paths
    for path in paths:
        assert (ROOT / path).exists(), path
        assert not ignored(path), path


@pytest.mark.parametrize("path", [".venv", ".git", "tests", "training", ".env", "keys.txt"])
def test_what_is_private_or_large_is_no_part_of_the_build(path: str) -> None:
    assert ignored(path)


def test_every_package_that_is_imported_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {name.removesuffix("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages - {"training", "benchmarks"} <= copied_from_the_context()


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_the_extras_of_its_engines_and_pyproject_knows_them(image: str) -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"].keys()
    extras = extras_of(image)
    assert extras <= known
    assert {"serve", "segmentation"} <= extras
    wanted = set(ENGINES) if image == "cpu" else {"tesseract"} if image == "gpu" else {image} - {"base"}
    assert extras & set(ENGINES) == wanted


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_nobody_special_and_tells_of_its_health(image: str) -> None:
    chain = lineage(image)
    assert next(user for stage in chain for user in stage.all("USER")) == "1000"
    assert [check for stage in chain for check in stage.all("HEALTHCHECK")]
    assert any("--uid 1000" in rest for stage in chain for rest in stage.all("RUN"))


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_takes_what_its_own_installing_stage_made_and_can_have_models(image: str) -> None:
    stage = STAGES[image]
    environments = ["/opt/quorum-torch", "/opt/quorum-tensorflow", "/opt/quorum-onnxruntime"] if image == "gpu" else []
    paths = ["/opt/quorum", "/opt/app", *environments]
    assert stage.all("COPY") == [f"--from=with-{image} {path} {path}" for path in paths]
    assert stage.all("ARG") == ["MODEL_PACK"]
    assert stage.all("RUN") == ['--mount=type=bind,target=/context cluster/docker/install.sh models "${MODEL_PACK}"']


@pytest.mark.parametrize("image", IMAGES)
def test_tesseract_the_program_is_where_the_engine_is(image: str) -> None:
    installs = any("tesseract-packages.txt" in rest for stage in lineage(image) for rest in stage.all("RUN"))
    assert installs == ("tesseract" in extras_of(image))


def test_what_apt_leaves_behind_is_removed_in_the_same_layer() -> None:
    for stage in STAGES.values():
        for rest in stage.all("RUN"):
            if "apt-get install" in rest:
                assert "apt-get update" in rest
                assert "--no-install-recommends" in rest
                assert "rm -rf /var/lib/apt/lists/*" in rest


def test_no_secret_and_no_address_of_a_registry_is_written() -> None:
    text = DOCKERFILE.read_text() + INSTALL.read_text()
    assert not re.search(r"https?://(?!127\.0\.0\.1)", text)
    assert not re.search(r"(?i)(password|token|secret)\s*=", text)


def test_every_step_that_is_called_is_one_of_the_script() -> None:
    assert os.access(INSTALL, os.X_OK)
    steps = {
        match
        for stage in STAGES.values()
        for rest in stage.all("RUN")
        for match in re.findall(r"cluster/docker/install\.sh (\w+)", rest)
    }
    assert steps == {"begin", "extras", "card", "models"}
    wrong = subprocess.run([INSTALL, "begins"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "no step 'begins'" in wrong.stderr


def test_no_pack_means_no_models(tmp_path: Path) -> None:
    assert subprocess.run([INSTALL, "models", ""], cwd=tmp_path, check=False).returncode == 0


def test_the_commands_of_an_image_are_commands_of_quorum() -> None:
    from quorum.cli.up import CONFIG

    assert STAGES["runtime"].all("CMD") == ['["quorum", "up", "--host", "0.0.0.0"]']
    assert CONFIG.name in copied_from_the_context()


@pytest.mark.parametrize("image", IMAGES_OF_OTHERS.values())
def test_an_image_of_somebody_else_has_a_whole_version(image: str) -> None:
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+[a-z0-9.-]*(@sha256:[0-9a-f]{64})?", image)


@pytest.mark.processes
class TestPinning:
    """pin.sh beside a copy of images.env, with a program in the place of Docker."""

    _DIGEST = f"sha256:{'4' * 64}"

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        for name in ("pin.sh", "images.env"):
            shutil.copy(DOCKERFILE.parent / name, tmp_path)
        self.docker(tmp_path, f"echo {self._DIGEST}")
        return tmp_path

    def docker(self, place: Path, does: str) -> None:
        (place / "docker").write_text(f'#!/bin/sh\necho "$@" >> {place}/asked\n{does}\n')
        (place / "docker").chmod(0o755)

    def pin(self, place: Path, *options: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": f"{place}:{os.environ['PATH']}"}
        return subprocess.run(
            [place / "pin.sh", *options], env=environment, capture_output=True, text=True, check=False
        )

    def test_each_image_gets_the_digest_of_its_tag_and_keeps_it(self, place: Path) -> None:
        assert self.pin(place).returncode == 0
        assert self.pin(place).returncode == 0
        pinned = images_of_others(place / "images.env")
        tagged = {name: image.partition("@")[0] for name, image in IMAGES_OF_OTHERS.items()}
        assert pinned == {name: f"{image}@{self._DIGEST}" for name, image in tagged.items()}
        asked = (place / "asked").read_text().splitlines()
        assert {line.split()[3] for line in asked} == set(tagged.values()), "by tag, also the second time"
        assert self.pin(place, "--check").returncode == 0

    def test_an_image_without_a_digest_is_named(self, place: Path) -> None:
        text = (place / "images.env").read_text()
        (place / "images.env").write_text(re.sub(r"@sha256:\w+", "", text))
        checked = self.pin(place, "--check")
        assert checked.returncode == 1
        assert all(image.partition("@")[0] in checked.stderr for image in IMAGES_OF_OTHERS.values())
        assert not (place / "asked").exists()

    @pytest.mark.parametrize("does", ["echo nothing", "exit 1", ""])
    def test_what_a_registry_does_not_say_is_not_made_up(self, does: str, place: Path) -> None:
        before = (place / "images.env").read_text()
        self.docker(place, does)
        assert self.pin(place).returncode == 1
        assert (place / "images.env").read_text() == before

    def test_showing_writes_nothing(self, place: Path) -> None:
        before = (place / "images.env").read_text()
        assert self._DIGEST in self.pin(place, "--show").stdout
        assert (place / "images.env").read_text() == before


class TestCompose:
    """cluster/docker/compose.yaml and what it mounts."""

    compose = yaml.safe_load((DOCKERFILE.parent / "compose.yaml").read_text())
    _KNOWN = frozenset(
        {"build", "image", "command", "environment", "ports", "volumes", "tmpfs", "shm_size", "mem_limit"}
        | {"user", "read_only", "cap_drop", "security_opt"}
        | {"init", "restart", "stop_grace_period", "healthcheck", "depends_on"}
    )

    def test_only_fields_of_compose_are_used(self) -> None:
        assert self.compose.keys() == {"name", "services", "volumes"}
        for service in self.compose["services"].values():
            assert service.keys() <= self._KNOWN

    def test_every_service_is_locked_down_and_bounded_and_tells_of_its_health(self) -> None:
        for name, service in self.compose["services"].items():
            assert service["read_only"], name
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]
            assert service["mem_limit"]
            assert "healthcheck" in service or "build" in service  # what is built here brings its own
            if "build" not in service:
                [named] = re.findall(r"^\$\{(\w+_IMAGE):\?.*images\.env\}$", service["image"])
                assert named in IMAGES_OF_OTHERS
            assert all(port.startswith("127.0.0.1:") for port in service["ports"])

    def test_the_build_is_a_stage_of_the_dockerfile_with_its_arguments(self) -> None:
        build = self.compose["services"]["quorum"]["build"]
        assert (DOCKERFILE.parent / build["context"]).resolve() == ROOT
        assert ROOT / build["dockerfile"] == DOCKERFILE
        assert build["target"] in IMAGES
        assert build["args"].keys() <= set(re.findall(r"ARG (\w+)", DOCKERFILE.read_text()))

    def test_every_file_that_is_mounted_exists_and_every_volume_is_declared(self) -> None:
        for service in self.compose["services"].values():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("."):
                    assert (DOCKERFILE.parent / source).is_file(), source
                else:
                    assert source in self.compose["volumes"]

    def test_no_password_is_written(self) -> None:
        environment = self.compose["services"]["grafana"]["environment"]
        assert environment["GF_SECURITY_ADMIN_PASSWORD"].startswith("${GRAFANA_PASSWORD:?")

    def test_prometheus_scrapes_the_page_of_the_whole_cluster(self) -> None:
        config = yaml.safe_load((DOCKERFILE.parent / "monitoring" / "prometheus.yaml").read_text())
        [job] = config["scrape_configs"]
        assert job["static_configs"] == [{"targets": ["quorum:8000"]}]
        mounts = self.compose["services"]["prometheus"]["volumes"]
        assert {file for volume in mounts for file in volume.split(":")[1:2]} >= set(config["rule_files"])
