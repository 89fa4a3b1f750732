"""From what was typed to a run: names checked, engines and profiles found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deployments.config.schema import ClusterConfig
from deployments.messages.capabilities import Capabilities
from evaluation.accuracy.detected_pages import ReadByService
from evaluation.accuracy.run import AccuracyRun
from evaluation.pages.ground_truth import Split
from evaluation.readings.line_layouts import DETECTED, GROUND_TRUTH, LineSource
from evaluation.readings.reader import Reader, parse_reader
from evaluation.readings.store import ReadingStore
from fusion import Method, Profile
from ocr.contract import TextOptions
from ocr.errors import OutOfRange


def parse_run(
    folders: Sequence[Path],
    splits: str,
    engines: str,
    sources: str,
    profile: str,
    method: str,
    tuned: str,
    readings: Path,
    limit: int | None,
    service: ReadByService | None,
    *,
    own_pipelines: bool = False,
    found_limit: int | None = None,
) -> AccuracyRun:
    """The run of `quorum evaluate pages`. Raises OutOfRange naming what does not exist."""
    readers = parse_readers(engines)
    capabilities = _capabilities(readers, tuned)
    request = capabilities.text_request(TextOptions(profile=profile, method=method), now=0.0)
    return AccuracyRun(
        folders,
        [_split(split) for split in splits.split(",")],
        readers,
        ReadingStore(readings),
        request.profile,
        Method(request.method),
        [_source(source) for source in sources.split(",")],
        limit,
        service,
        readings / f"service-{profile}-{method}",
        own_pipelines,
        found_limit,
    )


def parse_readers(engines: str) -> list[Reader]:
    """From NAME or NAME=MODEL, with commas."""
    return [parse_reader(engine) for engine in engines.split(",")]


def profile_of(readers: Sequence[Reader], name: str, tuned: str) -> Profile:
    """The profile of that name. Raises OutOfRange naming what does not exist."""
    return _capabilities(readers, tuned).text_request(TextOptions(profile=name), now=0.0).profile


def _capabilities(readers: Sequence[Reader], tuned: str) -> Capabilities:
    engines = [{"name": own.name} for own in readers]
    config = ClusterConfig.model_validate({"engines": engines, "tuned": tuned, "ready_engines": 1})
    return Capabilities.of(config, [own.spec for own in readers])


def _split(name: str) -> Split:
    if name not in list(Split):
        raise OutOfRange(f"there is no split {name!r}", f"known are {', '.join(Split)}")
    return Split(name)


def _source(name: str) -> LineSource:
    if name in ("true", "found"):
        return DETECTED if name == "found" else GROUND_TRUTH
    try:
        return LineSource(detected=True, rotation_degrees=float(name.removeprefix("found")))
    except ValueError as error:
        raise OutOfRange(
            f"there is no view {name!r}", "expected true, found, or found+15 for a page that is turned"
        ) from error
