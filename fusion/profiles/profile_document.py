"""Tuned profiles as a document: JSON that `quorum tune` writes and the configuration names.

A document holds its version, what it was made from, the model of each engine that it was made with, and the profiles.
The models of languages lie beside it, under the name that it gives. Everything is checked when it is read; numbers and
names that make no sense are refused by the values that they become. Users keep documents of their own, so the names of
its fields stay ("worth", "assurance", "most_doubt"). A profile whose weights were changed since its evidence was fitted
has those of the fit in "tuned_weights".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from fusion.evidence.calibration import Calibration
from fusion.evidence.claim_evidence import ClaimEvidence, Coefficients, Kind
from fusion.evidence.confidence import WORD_TERMS, CharacterConfidence, WordConfidence
from fusion.evidence.language import Languages, read_languages
from fusion.evidence.spelling_evidence import SpellingEvidence
from fusion.profiles.acceptance import Thresholds
from fusion.profiles.cascade import Cascade, Step
from fusion.profiles.profile import Profile
from fusion.profiles.tuning import Tuning, TuningSource

VERSION = 3
BUNDLED = Path(__file__).parents[1] / "bundled" / "profiles.json"
LANGUAGES_FILE = "languages.json.gz"


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
        languages = read_languages((path.parent / content["languages"]).resolve())
        models = content["models"]
        profiles = {
            name: _profile(
                name, profile, languages, thresholds, models, TuningSource(_tuning_in, (path.resolve(), name))
            )
            for name, profile in content["profiles"].items()
        }
        return ProfileDocument(profiles, models, content["made"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no document of tuned profiles: {error!r}; write one with `quorum tune`") from error


def write_document(document: ProfileDocument, path: Path, languages: str = LANGUAGES_FILE) -> None:
    """With the name of the file of the languages, which is to lie beside it."""
    content = {
        "version": VERSION,
        "made": dict(document.made),
        "models": dict(document.models),
        "languages": languages,
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
    name: str,
    content: Mapping[str, Any],
    languages: Languages,
    thresholds: Thresholds,
    models: Mapping[str, str],
    source: TuningSource,
) -> Profile:
    weights = content["weights"]
    tuning = Tuning(
        _evidence(content["evidence"]),
        content.get("tuned_weights", weights),
        SpellingEvidence(languages, **content["spelling"]),
        CharacterConfidence(*content["assurance"]),
        None if content["words"] is None else _word_confidence(content["words"]),
        source,
        models,
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
    if set(content["slopes"]) != set(WORD_TERMS):
        raise ValueError(f"words: want slopes of {', '.join(WORD_TERMS)}")
    return WordConfidence(content["base"], tuple(content["slopes"][term] for term in WORD_TERMS), table)


def _evidence(content: Mapping[str, Any]) -> ClaimEvidence:
    coefficients = {Kind(kind): Coefficients(*values) for kind, values in content["worth"].items()}
    return ClaimEvidence(coefficients, **{name: value for name, value in content.items() if name != "worth"})


def _content(profile: Profile) -> dict[str, object]:
    tuning = profile.tuning
    if tuning is None or tuning.spelling is None:
        raise ValueError(f"profile {profile.name} was not tuned")
    return {
        "weights": dict(profile.weights),
        **({} if tuning.weights == profile.weights else {"tuned_weights": dict(tuning.weights)}),
        "character_weights": None if profile.character_weights is None else dict(profile.character_weights),
        "cascade": None if profile.cascade is None else _cascade_content(profile.cascade),
        "evidence": {
            "worth": {str(kind): list(astuple(own)) for kind, own in tuning.evidence.coefficients.items()},
            "agreement": tuning.evidence.agreement,
            "certainty": tuning.evidence.certainty,
            "alternative_base": tuning.evidence.alternative_base,
            "alternative_slope": tuning.evidence.alternative_slope,
            "lead": tuning.evidence.lead,
        },
        "spelling": {
            "spelling": tuning.spelling.spelling,
            "spelling_if_known": tuning.spelling.spelling_if_known,
            "words": tuning.spelling.words,
            "words_if_known": tuning.spelling.words_if_known,
            "per_symbol": tuning.spelling.per_symbol,
        },
        "assurance": list(astuple(tuning.character_confidence)),
        "words": None if tuning.word_confidence is None else _words_content(tuning.word_confidence),
    }


def _words_content(own: WordConfidence) -> dict[str, object]:
    return {
        "base": own.base,
        "slopes": dict(zip(WORD_TERMS, own.slopes, strict=True)),
        "raw": list(own.table.raw),
        "probability": list(own.table.probability),
    }


def _cascade_content(cascade: Cascade) -> list[dict[str, object]]:
    return [{"engines": list(step.engines), "most_doubt": step.max_expected_errors} for step in cascade.steps]
