"""The workflow of continuous integration: its form, its rights, and that what it calls exists."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.docker.test_dockerfile import IMAGES

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
# YAML 1.1 reads the key `on` as a truth value.
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]

_JOB = {"needs", "if", "runs-on", "timeout-minutes", "permissions", "environment", "strategy", "steps"}
_STEP = {"name", "id", "uses", "with", "run", "env", "if"}
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]


def test_it_tests_audits_builds_and_publishes_in_that_order() -> None:
    assert JOBS.keys() == {"test", "audit", "images", "wheel", "build", "publish", "release"}
    assert JOBS["build"]["needs"] == ["test", "images"]
    assert set(JOBS["publish"]["needs"]) == {"audit", "build"}
    assert set(JOBS["release"]["needs"]) == {"wheel", "publish"}


def test_only_known_fields_are_used() -> None:
    assert WORKFLOW.keys() == {"name", True, "permissions", "concurrency", "jobs"}
    for job in JOBS.values():
        assert job.keys() <= _JOB
    for _, step in STEPS:
        assert step.keys() <= _STEP
        assert ("uses" in step) != ("run" in step)


def test_every_job_ends_by_itself_on_a_fixed_system() -> None:
    for job in JOBS.values():
        assert job["timeout-minutes"] <= 120
        assert re.fullmatch(r"ubuntu-\d+\.\d+", job["runs-on"])


@pytest.mark.parametrize("action", sorted({step["uses"] for _, step in STEPS if "uses" in step}))
def test_an_action_is_named_by_a_commit_beside_its_version(action: str) -> None:
    assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)
    lines = [line for line in TEXT.splitlines() if action in line]
    assert all(re.search(r"[0-9a-f]{40} # v\d+\.\d+\.\d+$", line) for line in lines)
    assert len({line.strip(" -") for line in lines}) == 1, "the same commit is always the same version"


def test_images_are_built_on_what_has_a_digest() -> None:
    said = [step["run"] for name, step in STEPS if name == "images" and "run" in step]
    assert said[-1] == "cluster/docker/pin.sh --check"
    for name in ("build", "publish"):
        steps = JOBS[name]["steps"]
        [build] = [step for step in steps if step.get("uses", "").startswith("docker/build-push-action")]
        assert build["with"]["build-args"] == "PYTHON_IMAGE=${{ env.PYTHON_IMAGE }}"
        assert 'grep ^PYTHON_IMAGE= cluster/docker/images.env >> "$GITHUB_ENV"' in [step.get("run") for step in steps]


def test_rights_are_to_read_and_only_publishing_has_more() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    more = {name for name, job in JOBS.items() if "permissions" in job}
    assert more == {"publish", "release"}
    assert JOBS["release"]["permissions"] == {"contents": "write"}
    assert JOBS["publish"]["permissions"].keys() == {"contents", "id-token", "attestations"}
    assert JOBS["publish"]["permissions"]["contents"] == "read"
    assert all("refs/tags/v" in JOBS[name]["if"] for name in more)
    for _, step in STEPS:
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


def test_secrets_reach_one_step_and_no_shell() -> None:
    users = [(name, step) for name, step in STEPS if "secrets." in yaml.safe_dump(step)]
    assert [(name, step["uses"].split("@")[0]) for name, step in users] == [("publish", "docker/login-action")]


def test_nothing_that_a_stranger_writes_is_put_into_a_shell() -> None:
    for _, step in STEPS:
        assert "${{" not in step.get("run", "")


def test_what_it_runs_exists() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    for name in ("build", "publish"):
        assert JOBS[name]["strategy"]["matrix"]["stage"] == list(IMAGES)
        for step in JOBS[name]["steps"]:
            if step.get("uses", "").startswith("docker/build-push-action"):
                assert (ROOT / step["with"]["file"]).is_file()


def test_what_was_tested_is_checked_for_having_become_slower() -> None:
    said = [step["run"] for name, step in STEPS if name == "test" and "run" in step]
    assert said == [".ci/run", "make speed-check"]
    assert re.search(r"^speed-check: .*\n\t@\$\(python\) -m benchmarks.speed check$", MAKEFILE, re.MULTILINE)


def test_each_image_is_scanned_and_a_severe_finding_stops_it() -> None:
    [scan] = [step for name, step in STEPS if name == "build" and "trivy" in step.get("uses", "")]
    assert scan["with"]["exit-code"] == "1"
    assert scan["with"]["severity"] == "HIGH,CRITICAL"


def test_a_tagged_version_has_a_wheel_that_was_tried() -> None:
    [build] = [step for name, step in STEPS if name == "wheel" and "wheel.sh" in step.get("run", "")]
    assert "refs/tags/v" in build["env"]["TAG"]
    assert os.access(ROOT / "cluster" / "release" / "wheel.sh", os.X_OK)
    [kept] = [step["with"] for name, step in STEPS if name == "wheel" and "upload-artifact" in step.get("uses", "")]
    [fetched] = [
        step["with"] for name, step in STEPS if name == "release" and "download-artifact" in step.get("uses", "")
    ]
    assert kept["name"] == fetched["name"]


@pytest.mark.processes
def test_the_notes_of_a_release_are_what_the_changelog_says_of_it() -> None:
    [publish] = [step for name, step in STEPS if name == "release" and "run" in step]
    [awk] = [line for line in publish["run"].splitlines() if line.startswith("awk")]
    notes = subprocess.run(
        ["bash", "-c", awk.replace("> notes.md", "")],
        env={**os.environ, "GITHUB_REF_NAME": "v0.2.0"}, cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert notes.strip().startswith("### What changes for you")
    assert "## [" not in notes
