"""What the documentation shows is executed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deployments.config.schema import ClusterConfig
from deployments.messages.capabilities import Capabilities
from tests.deployments.on_a_cluster.test_integrations import RUN_BY_TESTS
from tests.fakes.job_worker import with_a_worker
from tests.fakes.plain_service import PlainService
from tests.fakes.served import over_http

ROOT = Path(__file__).parents[1]
_PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "SECURITY.md", "CHANGELOG.md")),
    *(ROOT / folder / "README.md" for folder in ("examples", "cluster/gpu")),
]
_BLOCK = re.compile(r"^```(\w+)(?: title=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str, str]]:
    """(language, title, text) of each code block."""
    return _BLOCK.findall((ROOT / "docs" / page).read_text())


def test_the_toy_engine_of_the_guide_reads_and_joins_the_ensemble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import engines

    [source] = [text for _, title, text in blocks("adding-an-engine.md") if title == "engines/barcode.py"]
    (tmp_path / "barcode.py").write_text(source)
    monkeypatch.setattr(engines, "__path__", [*engines.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "engines.barcode", raising=False)
    [usage] = [text for language, title, text in blocks("adding-an-engine.md") if language == "python" and not title]
    exec(compile(usage, "adding-an-engine.md", "exec"), {})

    [configuration] = [text for language, _, text in blocks("adding-an-engine.md") if language == "yaml"]
    config = ClusterConfig.model_validate(yaml.safe_load(configuration))
    capabilities = Capabilities.of(config, [engines.spec(engine.name) for engine in config.engines])
    assert capabilities.profiles["general"].weights["barcode"] == 0.05


def test_the_page_on_preprocessing_shows_every_step_the_threshold_and_a_pipeline_that_runs() -> None:
    from segmentation.preprocessing import LOW_CONTRAST, STEPS

    text = (ROOT / "docs" / "preprocessing.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(STEPS)
    assert f"below **{LOW_CONTRAST}**" in text
    [example] = [code for language, _, code in blocks("preprocessing.md") if language == "python"]
    exec(compile(example, "preprocessing.md", "exec"), {})


def test_every_file_that_the_page_on_architecture_names_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = re.findall(r"`(\w[\w./]*/[\w./]*)`", text)
    assert len(named) > 50
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    links = re.findall(r"\]\((?!\w+:)([^)\s]+)\)", page.read_text())
    assert [link for link in links if not _leads_somewhere(page, link)] == []


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not anchor or anchor in _anchors(target))


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_page_on_the_command_line_is_what_the_commands_say_of_themselves() -> None:
    from quorum.cli import commands, manual

    assert (ROOT / "docs" / "command-line.md").read_text() == manual()
    silent = [module.__name__ for module in commands() if "Exit codes" not in (module.__doc__ or "")]
    assert silent == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "integrations").glob("[a-z]*.md")), ids=lambda page: page.stem)
def test_every_page_on_an_integration_has_programs_and_a_test_runs_each(page: Path) -> None:
    marks = set(re.findall(r"^<!-- (.+) -->$", page.read_text(), re.MULTILINE))
    assert marks
    assert marks <= RUN_BY_TESTS
    programs = re.findall(r"(^<!-- .+ -->\n)?^```python$", page.read_text(), re.MULTILINE)
    assert all(programs), "a program without a mark"


@pytest.mark.processes
def test_the_examples_of_the_page_on_http_work(tmp_path: Path) -> None:
    for folder in ("examples", "tests"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    found = blocks("http.md")
    commands = "\n".join(text for language, _, text in found if language == "bash")
    [program] = [text for language, _, text in found if language == "python"]
    service = PlainService()
    with with_a_worker(service, tmp_path / "jobs", draw_timeout_s=60.0) as whole, over_http(whole.app()) as url:
        script = commands.replace("http://127.0.0.1:8000", url) + f"\n{sys.executable} - <<'END'\n{program}END\n"
        finished = subprocess.run(
            ["bash", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False
        )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count('"success":true') >= 8
    assert '"status":"read"' in finished.stdout
