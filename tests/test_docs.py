"""What the documentation shows is executed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deployments.config.schema import ClusterConfig
from deployments.messages.capabilities import Catalogue
from tests.fakes.plain_service import PlainService, app_over
from tests.fakes.served import over_http

ROOT = Path(__file__).parents[1]
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
    catalogue = Catalogue.of(config, [engines.spec(engine.name) for engine in config.engines])
    assert catalogue.profiles["general"].weights["barcode"] == 0.05


def test_the_page_on_preprocessing_shows_every_step_the_threshold_and_a_pipeline_that_runs() -> None:
    from segmentation.preprocessing import LOW_CONTRAST, STEPS

    text = (ROOT / "docs" / "preprocessing.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(STEPS)
    assert f"below **{LOW_CONTRAST}**" in text
    [example] = [code for language, _, code in blocks("preprocessing.md") if language == "python"]
    exec(compile(example, "preprocessing.md", "exec"), {})


@pytest.mark.parametrize("page", [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"], ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


def test_the_page_on_the_command_line_is_what_the_commands_say_of_themselves() -> None:
    from quorum.cli import commands, manual

    assert (ROOT / "docs" / "command-line.md").read_text() == manual()
    silent = [module.__name__ for module in commands() if "Exit codes" not in (module.__doc__ or "")]
    assert silent == []


@pytest.mark.processes
def test_the_examples_of_the_page_on_http_work(tmp_path: Path) -> None:
    for folder in ("examples", "tests"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    found = blocks("http.md")
    commands = "\n".join(text for language, _, text in found if language == "bash")
    [program] = [text for language, _, text in found if language == "python"]
    with over_http(app_over(PlainService(), draw_timeout_s=60.0)) as url:
        script = commands.replace("http://127.0.0.1:8000", url) + f"\n{sys.executable} - <<'END'\n{program}END\n"
        finished = subprocess.run(
            ["bash", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False
        )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count('"success":true') >= 8
    assert '"status":"read"' in finished.stdout
