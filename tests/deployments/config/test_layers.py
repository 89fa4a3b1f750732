"""The layers of configuration: what goes over what, where each value comes from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.config.api_keys import hashed
from deployments.config.layers import (
    PRESETS,
    VARIABLES,
    Settings,
    presets_table,
    read_dotenv,
    resolve_settings,
    variables_table,
)
from deployments.config.schema import ClusterConfig
from fusion import Method
from ocr.errors import OutOfRange


def config_of(**file: object) -> ClusterConfig:
    return ClusterConfig.model_validate(file)


def test_each_layer_goes_over_the_one_below_value_by_value() -> None:
    file = config_of(preset="production", limits={"timeout_s": 10, "max_batch": 7})
    settings = resolve_settings(
        file, {"API_TIMEOUT": "5", "HOME": "/root"}, {"API_TIMEOUT": "6", "MODEL_DIR": "/models"}
    )
    live = settings.with_live_layer({"limits": {"max_pixels": 5}, "method": "majority_voting"})
    limits = live.config.limits
    assert (limits.timeout_s, limits.max_batch, limits.retries, limits.max_pixels) == (5.0, 7, 3, 5)
    assert (live.config.model_dir, live.config.method) == (Path("/models"), Method.MAJORITY_VOTING)
    layers = {path: value.layer for path, value in live.explained_values().items()}
    assert layers["limits.timeout_s"] == "environment"
    assert layers["limits.max_batch"] == "file"
    assert layers["limits.retries"] == "preset production"
    assert layers["limits.max_pixels"] == layers["method"] == "live"
    assert layers["limits.batch_workers"] == layers["thresholds.accept"] == "default"
    assert layers["model_dir"] == ".env"


def test_every_value_of_the_configuration_is_explained_and_says_whether_it_can_change_live() -> None:
    explained_values = resolve_settings(config_of(), {}).explained_values()
    assert {path.split(".")[0] for path in explained_values} == set(ClusterConfig.model_fields)
    assert explained_values["limits.timeout_s"].live
    assert not explained_values["engines"].live


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("API_TIMEOUT", "soon"),
        ("MAX_REQUEST_SIZE_MB", "-1"),
        ("LOG_LEVEL", "loud"),
        ("QUORUM_PRESET", "martian"),
        ("API_KEYS_FILE", "/does/not/exist"),
        ("RATE_LIMIT_PER_MINUTE", "many"),
    ],
)
def test_a_wrong_variable_is_named_whichever_of_the_two_layers_it_stands_in(variable: str, value: str) -> None:
    for environment, dotenv in (({variable: value}, {}), ({}, {variable: value})):
        with pytest.raises(OutOfRange) as caught:
            resolve_settings(config_of(), environment, dotenv)
        assert value in caught.value.message or variable in caught.value.message


def test_the_presets_hold_what_they_promise() -> None:
    configs = {name: resolve_settings(config_of(preset=name), {}).config for name in PRESETS}
    production = configs["production"]
    assert (production.log_level, production.limits.retries, production.limits.timeout_s) == ("INFO", 3, 30.0)
    assert (production.batch_size, production.queue) == (32, 1000)
    assert production.limits.requests_per_minute == 1000
    development = configs["development"]
    assert (development.log_level, development.limits.retries, development.limits.timeout_s) == ("DEBUG", 1, 60.0)
    assert development.gpu_memory_mb == 4096
    testing = configs["testing"]
    assert (testing.batch_size, testing.limits.batch_workers, testing.monitor.retention_days) == (16, 2, 7.0)


def test_the_preset_of_the_environment_goes_over_that_of_the_file_and_the_file_over_any_preset() -> None:
    settings = resolve_settings(config_of(preset="production", limits={"retries": 9}), {"QUORUM_PRESET": "development"})
    assert settings.config.log_level == "DEBUG"
    assert settings.config.limits.retries == 9
    assert settings.config.preset == "development"


def test_the_monitor_is_off_and_its_schedule_is_the_promised_one() -> None:
    monitor = ClusterConfig().monitor
    assert not monitor.enabled
    assert (monitor.health_s, monitor.self_test_s, monitor.self_test_samples) == (300.0, 3600.0, 50)
    assert (monitor.export_s, monitor.retention_days) == (86_400.0, 30.0)


def test_keys_are_held_as_hashes_only_and_masked_wherever_they_are_shown(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# who may read\n{hashed('from a file')} the scanner in the hall\n\n")
    url = "redis://user:secret@redis:6379/0"
    settings = resolve_settings(
        config_of(), {"API_KEYS": "open sesame,b", "API_KEYS_FILE": str(file), "REDIS_URL": url}
    )
    assert settings.config.security.api_keys == (hashed("open sesame"), hashed("b"), hashed("from a file"))
    shown = settings.explained_values()
    assert shown["security.api_keys"].value == ["***"] * 3
    assert shown["redis_url"].value == "redis://user:***@redis:6379/0"
    assert "sesame" not in repr(settings)


def test_a_key_that_is_not_hashed_is_refused_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("open-sesame\n")
    with pytest.raises(OutOfRange, match="API_KEYS_FILE") as caught:
        resolve_settings(config_of(), {"API_KEYS_FILE": str(file)})
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"engines": []}, "cannot be changed while the cluster runs"),
        ({"security": {"api_key_required": False}}, "cannot be changed while the cluster runs"),
        ({"colour": "red"}, "Extra inputs"),
        ({"limits": {"timeout_s": 0}}, "limits.timeout_s"),
        ({"limits": {"timeout_s": 5, "speed": 9}}, "limits.speed"),
        ({"limits": 7}, "limits"),
        ({"thresholds": {"accept": 0.95}}, "thresholds.accept is above"),
        ({"method": "coin"}, "method"),
        ({"profiles": {"mine": {"a": float("nan")}}}, "profiles.mine.a"),
        ({"profiles": {"mine": None}}, "profiles.mine"),
        ({"ready_engines": 6}, "only 5 engines"),
    ],
)
def test_a_live_change_is_refused_whole_when_anything_in_it_is_wrong(document: dict[str, object], words: str) -> None:
    with pytest.raises(OutOfRange, match=words):
        resolve_settings(config_of(), {}).with_live_layer({"log_level": "DEBUG", **document})


def test_a_profile_that_is_set_live_leaves_the_others_of_the_file_alone() -> None:
    settings = resolve_settings(config_of(profiles={"forms": {"paddleocr": 1.0}}), {}).with_live_layer(
        {"profiles": {"new": {"trocr": 1.0}}}
    )
    assert set(settings.config.profiles) == {"forms", "new"}
    assert settings.explained_values()["profiles.new"].layer == "live"
    assert settings.explained_values()["profiles.forms"].layer == "file"


def test_the_dotenv_file_is_the_one_in_the_working_directory_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_dotenv({}) == {}
    (tmp_path / ".env").write_text("API_TIMEOUT=5\n# remark\nLOG_LEVEL='DEBUG'\n")
    assert read_dotenv({}) == {"API_TIMEOUT": "5", "LOG_LEVEL": "DEBUG"}
    (tmp_path / "other").write_text("API_TIMEOUT=7\n")
    assert read_dotenv({"ENV_FILE": str(tmp_path / "other")}) == {"API_TIMEOUT": "7"}
    with pytest.raises(OutOfRange, match="ENV_FILE"):
        read_dotenv({"ENV_FILE": "nowhere"})


def test_the_documentation_lists_exactly_the_variables_and_presets_that_there_are() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    assert variables_table() in page, "python -m deployments.config.layers"
    assert presets_table() in page, "python -m deployments.config.layers"


def test_no_two_variables_share_a_name_and_each_lands_on_a_value_that_exists() -> None:
    names = [variable.name for variable in VARIABLES]
    assert len(set(names)) == len(names)
    paths = {path.split(".")[0] for path in Settings(()).explained_values()}
    assert {variable.path[0] for variable in VARIABLES} <= paths
