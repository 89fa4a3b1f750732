"""Where each value of the configuration comes from: layers, lowest first.

    default        deployments/config/schema.py
    preset         production, development or testing: `preset:` in the file, or QUORUM_PRESET
    file           `args:` in serve_config.yaml
    .env           the file that ENV_FILE names, else `.env` in the working directory
    environment    environment variables, read once, where the application is built
    live           what `PUT /config` says, for the whole cluster

    python -m deployments.config.layers          the tables of docs/operations.md

A layer is a nested dict of what it says; a later layer goes over an earlier one value by value. Lists and the weights
of one profile are values: they are replaced whole. The fields of a request go over all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from dotenv import dotenv_values
from pydantic import ValidationError

from deployments.config.api_keys import hashed
from deployments.config.schema import ClusterConfig, LiveConfig
from ocr.errors import OutOfRange

PRESETS: Mapping[str, dict[str, Any]] = {
    "production": {
        "log_level": "INFO",
        "limits": {
            "retries": 3,
            "timeout_s": 30.0,
            "requests_per_minute": 1000,
            "max_requests": 1000,
        },
        "batch_size": 32,
        "queue": 1000,
    },
    "development": {"log_level": "DEBUG", "limits": {"retries": 1, "timeout_s": 60.0}, "gpu_memory_mb": 4096},
    "testing": {"batch_size": 16, "limits": {"batch_workers": 2}, "monitor": {"retention_days": 7.0}},
}
"""What each preset says; everything else stays as the defaults have it."""


def _comma_separated(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _keys(text: str) -> tuple[str, ...]:
    """Keys or their hashes, separated by commas; only hashes are kept."""
    return tuple(map(hashed, _comma_separated(text)))


def _key_file(path: str) -> tuple[str, ...]:
    """The hashes in a file, one a line; what follows a space is a remark."""
    try:
        lines = [line.split()[0] for line in Path(path).read_text().splitlines() if line.strip()]
    except OSError as error:
        raise OutOfRange(f"the key file {path} cannot be read: {error.strerror}", "check the path") from error
    return tuple(line for line in lines if not line.startswith("#"))


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: where its value lands, and how it is read."""

    name: str
    path: tuple[str, ...]
    description: str
    parse: Callable[[str], object] = str


VARIABLES = (
    Variable("QUORUM_PRESET", ("preset",), "`production`, `development` or `testing`"),
    Variable("API_KEY_REQUIRED", ("security", "api_key_required"), "whether reading needs a key"),
    Variable("API_KEYS", ("security", "api_keys"), "keys that may read, or their hashes, separated by commas", _keys),
    Variable("ADMIN_API_KEYS", ("security", "admin_api_keys"), "keys that may administer, in the same way", _keys),
    Variable("API_KEYS_FILE", ("security", "api_keys"), "a file with more of their hashes, one per line", _key_file),
    Variable("ADMIN_API_KEYS_FILE", ("security", "admin_api_keys"), "the same for keys that may administer", _key_file),
    Variable(
        "CORS_ORIGINS", ("security", "cors_origins"), "origins whose pages may call the service", _comma_separated
    ),
    Variable("ALLOWED_HOSTS", ("security", "allowed_hosts"), "names the service answers to", _comma_separated),
    Variable(
        "TRUSTED_PROXIES",
        ("security", "trusted_proxies"),
        "proxies whose X-Forwarded-For and X-Forwarded-Proto are believed",
        _comma_separated,
    ),
    Variable("RATE_LIMIT_PER_MINUTE", ("limits", "requests_per_minute"), "most requests a minute of one caller"),
    Variable("MAX_REQUEST_SIZE_MB", ("limits", "max_request_mb"), "largest request body, in 1,000,000 bytes"),
    Variable(
        "API_TIMEOUT", ("limits", "timeout_s"), "seconds in which a request is answered, unless it says otherwise"
    ),
    Variable("REDIS_URL", ("redis_url",), "Redis server that keeps live configuration, rate limits and jobs"),
    Variable("JOBS_FILES", ("jobs_files",), "folder or address (s3://...) of the files of jobs and their results"),
    Variable("STATE_DIR", ("state_dir",), "folder of live configuration (without Redis), reports and exports"),
    Variable("MODEL_DIR", ("model_dir",), "folder of official models: `MODEL_DIR/<engine>/<name>`"),
    Variable("CACHE_DIR", ("cache_dir",), "folder where models are prepared and converted"),
    Variable("TESSERACT_CMD", ("tesseract_cmd",), "the tesseract program"),
    Variable("TESSERACT_CONFIG", ("tesseract_config",), "options added to each call of tesseract"),
    Variable("LOG_LEVEL", ("log_level",), "`DEBUG`, `INFO`, `WARNING` or `ERROR`"),
)
"""Every environment variable that the application reads. ENV_FILE, which names the .env file, is read before them."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source says."""

    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExplainedValue:
    """One value, where it comes from, and whether it can be changed live."""

    value: Any
    layer: str
    live: bool


@dataclass(frozen=True)
class Settings:
    """All layers, lowest first, and the configuration that they make."""

    layers: tuple[Layer, ...]

    @cached_property
    def config(self) -> ClusterConfig:
        """The configuration. Raises ValidationError when the layers do not make one."""
        return ClusterConfig.model_validate(_merged(self.layers))

    def with_layer(self, name: str, values: Mapping[str, Any]) -> Settings:
        """With one more layer on top. Raises OutOfRange when the whole does not make sense."""
        higher = Settings((*self.layers, Layer(name, values)))
        try:
            _ = higher.config
        except ValidationError as error:
            raise OutOfRange(first_problem(error), "GET /config shows every value and where it comes from") from error
        return higher

    def with_live_layer(self, values: Mapping[str, Any]) -> Settings:
        """With the live layer on top. Raises OutOfRange when anything in it is wrong or cannot be changed live."""
        fixed = sorted(values.keys() & (ClusterConfig.model_fields.keys() - LiveConfig.model_fields.keys()))
        if fixed:
            raise OutOfRange(
                f"'{fixed[0]}' cannot be changed while the cluster runs",
                "change the file or the environment, and deploy again",
            )
        return self.with_layer("live", values)

    def explained_values(self) -> dict[str, ExplainedValue]:
        """Every value by its path, like `limits.timeout_s`; secrets are masked."""
        whole = self.config.model_dump(mode="json")
        return {
            ".".join(path): ExplainedValue(
                _masked(path, value), self._layer_of(path), path[0] in LiveConfig.model_fields
            )
            for path, value in _leaves(whole)
        }

    def _layer_of(self, path: tuple[str, ...]) -> str:
        for layer in reversed(self.layers):
            found: Any = layer.values
            for name in path:
                found = found.get(name, _MISSING) if isinstance(found, Mapping) else _MISSING
            if found is not _MISSING:
                return layer.name
        return "default"


def resolve_settings(
    args: ClusterConfig, environment: Mapping[str, str], dotenv: Mapping[str, str] | None = None
) -> Settings:
    """The settings of an application that is being built: everything below the live layer.

    `args` is what the file says; `dotenv` the variables of the .env file. Raises OutOfRange naming the variable that is
    wrong.
    """
    dotenv = dotenv or {}
    file = args.model_dump(exclude_unset=True)
    preset = environment.get("QUORUM_PRESET") or dotenv.get("QUORUM_PRESET") or args.preset
    if preset is not None and preset not in PRESETS:
        raise OutOfRange(f"unknown preset '{preset}'", f"known are {', '.join(PRESETS)}")
    settings = Settings((Layer(f"preset {preset}", PRESETS[preset]),) if preset else ())
    settings = settings.with_layer("file", file)
    settings = _with_variables(settings, ".env", dotenv)
    return _with_variables(settings, "environment", environment)


def read_dotenv(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of the .env file. A file that ENV_FILE names must be there; `.env` may be."""
    named = environment.get("ENV_FILE")
    path = Path(named or ".env")
    if named and not path.is_file():
        raise OutOfRange(f"ENV_FILE names {named}, which is not there", "correct or unset ENV_FILE")
    return {name: value for name, value in dotenv_values(path).items() if value is not None}


def first_problem(error: ValidationError) -> str:
    """The first thing that is wrong, and where."""
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the configuration"
    return f"{place}: {problem['msg']}"


def _with_variables(settings: Settings, layer: str, environment: Mapping[str, str]) -> Settings:
    values: dict[str, Any] = {}
    for variable in VARIABLES:
        text = environment.get(variable.name)
        if text is None:
            continue
        values_so_far = {**values, **_nested(variable.path, variable.parse(text), values)}
        try:
            settings.with_layer(layer, values_so_far)
        except OutOfRange as error:
            raise OutOfRange(
                f"environment variable {variable.name} is wrong: {error.message}",
                f"change or unset {variable.name}",
            ) from error
        values = values_so_far
    return settings.with_layer(layer, values) if values else settings


def _nested(path: tuple[str, ...], value: object, beside: Mapping[str, Any]) -> dict[str, Any]:
    name, *rest = path
    if not rest:
        return {name: value}
    section = beside.get(name, {})
    if isinstance(value, tuple):  # keys from a file join those of the variable
        value = (*section.get(rest[0], ()), *value)
    return {name: {**section, rest[0]: value}}


def _merged(layers: tuple[Layer, ...]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.values.items():
            below = merged.get(name)
            merged[name] = {**below, **value} if isinstance(below, dict) and isinstance(value, Mapping) else value
    return merged


def _leaves(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from (((name, inner), leaf) for inner, leaf in value.items())
        else:
            yield (name,), value


def _masked(path: tuple[str, ...], value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if path[-1] in ("api_keys", "admin_api_keys"):
        return ["***"] * len(value)
    if path[-1] == "redis_url" and value is not None:
        return _without_password(value)
    return value


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{place}"))


_MISSING = object()


def variables_table() -> str:
    """All environment variables as a Markdown table."""
    rows = [f"| `{variable.name}` | `{'.'.join(variable.path)}` | {variable.description} |" for variable in VARIABLES]
    return "\n".join(["| variable | value | what |", "|---|---|---|", *rows])


def presets_table() -> str:
    """What each preset says, as a Markdown table; an empty field is the default."""
    paths = dict.fromkeys(".".join(path) for preset in PRESETS.values() for path, _ in _leaves(preset))
    rows = []
    for path in paths:
        values = [
            {".".join(leaf): value for leaf, value in _leaves(preset)}.get(path, "") for preset in PRESETS.values()
        ]
        rows.append(f"| `{path}` | {' | '.join(map(str, values))} |")
    return "\n".join([f"| value | {' | '.join(PRESETS)} |", "|---|" + "---|" * len(PRESETS), *rows])


if __name__ == "__main__":
    print(f"{variables_table()}\n\n{presets_table()}")
