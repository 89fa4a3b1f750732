"""Tuned profiles as a document: JSON that `quorum tune` writes and the configuration names.

A document holds its version, what it was made from, the model of each engine that it was made with, and the profiles.
The spelling model lies beside it, under the name that it gives. Everything is checked when it is read; numbers and
names that make no sense are refused by the values that they become. Users keep documents of their own, so the names of
its fields stay ("worth", "assurance", "contested", "most_doubt").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from fusion.evidence.calibration import Calibration
from fusion.evidence.confidence import CharacterConfidence, WordConfidence
from fusion.evidence.engine_evidence import Coefficients, EngineEvidence, Kind
from fusion.evidence.spelling_evidence import SpellingEvidence
from fusion.evidence.spelling_model import SpellingModel, read_spelling_model
from fusion.profiles.cascade import Cascade, Step
from fusion.profiles.profile import Profile
from fusion.profiles.tuning import Tuning, TuningSource
from fusion.profiles.verdict import Thresholds

VERSION = 1
BUNDLED = Path(__file__).parents[1] / "bundled" / "profiles.json"
SPELLING_FILE = "english.json.gz"


@dataclass(frozen=True, slots=True)
class ProfileDocument:
    """Tuned profiles by name; `models` are the engines' models they were fitted to, `made` says when and from what."""

    profiles: Mapping[str, Profile]
    models: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)

    def covers(self, engines: Iterable[str]) -> bool:
        """Whether any of the engines was there when the profiles were tuned."""
        return any(engine in profile.weights for engine in engines for profile in self.profiles.values())


def tuned_document(name: str, thresholds: Thresholds) -> ProfileDocument | None:
    """The document that a configuration names: "bundled", "none" or a path. Raises as `read_document` does."""
    if name == "none":
        return None
    return _bundled(thresholds) if name == "bundled" else read_document(Path(name).expanduser(), thresholds)


@lru_cache(maxsize=8)
def _bundled(thresholds: Thresholds) -> ProfileDocument:
    """Read once: it takes tens of milliseconds, and a Gateway asks at each change of the configuration."""
    return read_document(BUNDLED, thresholds)


def read_document(path: Path, thresholds: Thresholds) -> ProfileDocument:
    """Raises ValueError, naming the file, when it is no document of this version."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            raise ValueError(f"version {content['version']}; this program reads version {VERSION}")
        model = read_spelling_model((path.parent / content["spelling"]).resolve())
        profiles = {
            name: _profile(name, profile, model, thresholds, TuningSource(_tuning_in, (path.resolve(), name)))
            for name, profile in content["profiles"].items()
        }
        return ProfileDocument(profiles, content["models"], content["made"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no document of tuned profiles: {error!r}; write one with `quorum tune`") from error


def write_document(document: ProfileDocument, path: Path, spelling: str = SPELLING_FILE) -> None:
    """With the name of the spelling model's file, which is to lie beside it."""
    content = {
        "version": VERSION,
        "made": dict(document.made),
        "models": dict(document.models),
        "spelling": spelling,
        "profiles": {name: _content(profile) for name, profile in document.profiles.items()},
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@lru_cache(maxsize=64)
def _tuning_in(path: Path, name: str) -> Tuning:
    """What a process that is sent a profile gets; read once there."""
    tuning = read_document(path, Thresholds()).profiles[name].tuning
    assert tuning is not None
    return tuning


def _profile(
    name: str, content: Mapping[str, Any], model: SpellingModel, thresholds: Thresholds, source: TuningSource
) -> Profile:
    weights = content["weights"]
    tuning = Tuning(
        {engine: _evidence(own) for engine, own in content["evidence"].items()},
        weights,
        SpellingEvidence(model, content["spelling"]["slope"], content["spelling"]["per_symbol"]),
        CharacterConfidence(*content["assurance"]),
        _word_confidence(content["words"]),
        source,
    )
    cascade = content["cascade"]
    return Profile(
        name,
        weights,
        thresholds,
        {},
        tuning,
        content["character_weights"],
        {},
        None
        if cascade is None
        else Cascade(tuple(Step(tuple(step["engines"]), step["most_doubt"]) for step in cascade)),
    )


def _word_confidence(content: Mapping[str, Any]) -> WordConfidence:
    table = Calibration(tuple(content["raw"]), tuple(content["probability"]))
    return WordConfidence(content["contested"], content["each"], table)


def _evidence(content: Mapping[str, Any]) -> EngineEvidence:
    return EngineEvidence(
        {Kind(kind): Coefficients(*values) for kind, values in content["worth"].items()},
        content["agreement"],
        {(text, other): value for text, other, value in content["confusions"]},
    )


def _content(profile: Profile) -> dict[str, object]:
    tuning = profile.tuning
    if tuning is None or tuning.spelling is None:
        raise ValueError(f"profile {profile.name} was not tuned")
    return {
        "weights": dict(profile.weights),
        "character_weights": None if profile.character_weights is None else dict(profile.character_weights),
        "cascade": None if profile.cascade is None else _cascade_content(profile.cascade),
        "evidence": {
            engine: {
                "worth": {str(kind): [own.base, own.slope, own.spacing] for kind, own in evidence.coefficients.items()},
                "agreement": evidence.agreement,
                "confusions": [[text, other, value] for (text, other), value in sorted(evidence.confusions.items())],
            }
            for engine, evidence in tuning.evidence.items()
        },
        "spelling": {"slope": tuning.spelling.slope, "per_symbol": tuning.spelling.per_symbol},
        "assurance": list(astuple(tuning.character_confidence)),
        "words": {
            "contested": tuning.word_confidence.disputed,
            "each": tuning.word_confidence.per_slot,
            "raw": list(tuning.word_confidence.table.raw),
            "probability": list(tuning.word_confidence.table.probability),
        },
    }


def _cascade_content(cascade: Cascade) -> list[dict[str, object]]:
    return [{"engines": list(step.engines), "most_doubt": step.max_expected_errors} for step in cascade.steps]
