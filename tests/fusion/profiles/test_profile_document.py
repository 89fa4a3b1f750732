"""Tuned profiles on disk, and how engines that they do not know join them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from fusion import Cascade, Profile, ProfileDocument, Step, Thresholds, tuned_document, with_prior_weights
from fusion.evidence.calibration import Calibration
from fusion.evidence.claim_evidence import ClaimEvidence, Coefficients, Kind
from fusion.evidence.confidence import WORD_TERMS, CharacterConfidence, WordConfidence
from fusion.evidence.language import Language, Languages, write_languages
from fusion.evidence.spelling_evidence import SPELLING, SpellingEvidence
from fusion.evidence.spelling_model import SpellingModel
from fusion.profiles.profile import automatic_profile
from fusion.profiles.profile_document import BUNDLED, read_document, write_document
from fusion.profiles.tuning import Tuning

THRESHOLDS = Thresholds(0.1, 0.2, 0.3)


LANGUAGES = Languages({"en": Language(SpellingModel(2, {"a": -1.0}), {"a": -2.0})})


def profile() -> Profile:
    weights = {"ada": 0.7, "bob": 0.3, SPELLING: 1.0}
    evidence = ClaimEvidence({Kind.MARK: Coefficients(1.0, 0.5, -0.25)}, 0.5, 0.25, -0.1, 0.3, 1.5)
    spelling = SpellingEvidence(LANGUAGES, 0.2, 0.1, 0.3, 0.4, -3.0)
    slopes = tuple(number / 4.0 for number in range(len(WORD_TERMS)))
    words = WordConfidence(0.5, slopes, Calibration((0.1, 0.9), (0.2, 0.8)))
    tuning = Tuning(evidence, weights, spelling, CharacterConfidence(0.1, 0.6, 0.4), words, None, {"ada": "ada@1"})
    return Profile("printed", weights, THRESHOLDS, {}, tuning, {"ada": 1.0}, {}, Cascade((Step(("ada",), 0.25),)))


def test_a_document_brings_back_its_profiles(tmp_path: Path) -> None:
    write_languages(LANGUAGES, tmp_path / "s.json.gz")
    written = ProfileDocument({"printed": profile()}, {"ada": "ada@1"}, {"lines": "12"})
    write_document(written, tmp_path / "profiles.json", "s.json.gz")
    assert read_document(tmp_path / "profiles.json", THRESHOLDS) == written
    assert tuned_document(str(tmp_path / "profiles.json"), THRESHOLDS) == written


@pytest.mark.parametrize("change", [{"version": 99}, {"profiles": {"p": {}}}, {"languages": "nowhere.gz"}])
def test_what_is_no_document_is_refused_by_name(tmp_path: Path, change: dict[str, object]) -> None:
    content = json.loads(BUNDLED.read_text(encoding="utf-8")) | change
    (tmp_path / "profiles.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=r"profiles\.json"):
        tuned_document(str(tmp_path / "profiles.json"), THRESHOLDS)


def test_what_a_profile_was_tuned_to_travels_as_the_name_of_its_document() -> None:
    document = tuned_document("bundled", THRESHOLDS)
    assert document is not None
    sent = pickle.dumps(document.profiles["general"])
    assert len(sent) < 1500
    assert pickle.loads(sent) == document.profiles["general"]


def test_there_may_be_none() -> None:
    assert tuned_document("none", THRESHOLDS) is None


def test_the_bundled_document_knows_the_engines_that_it_was_tuned_for() -> None:
    document = tuned_document("bundled", THRESHOLDS)
    assert document is not None
    assert document.covers(["tesseract", "somebody"])
    assert not document.covers(["somebody"])
    assert "general" in document.profiles
    assert all(own.name == name for name, own in document.profiles.items())


def test_an_engine_that_was_not_tuned_for_has_its_prior_weight() -> None:
    tuned = profile()
    together = with_prior_weights(tuned, {"ada": {"printed": 0.5}, "new": {"printed": 0.25}, "odd": {"noisy": 1.0}})
    assert together.weights == {"ada": 0.7, "bob": 0.3, SPELLING: 1.0, "new": 0.25, "odd": 0.0}


def test_a_model_that_a_profile_was_not_tuned_with_counts_as_one_of_which_nothing_is_known() -> None:
    tuned = profile()
    assert tuned.for_models({"ada": "ada@1", "bob": "bob@7", "new": "new@1"}) == tuned
    other = tuned.for_models({"ada": "ada@2", "bob": "bob@7"})
    assert other.weights == {"ada": 0.5, "bob": 0.3, SPELLING: 1.0}
    assert tuned.tuning is not None
    assert other.tuning is not None
    assert (tuned.tuning.leading, other.tuning.leading) == ({"ada"}, frozenset())
    assert other.evidence_multipliers(["ada", "bob"]) == tuned.evidence_multipliers(["ada", "bob"])
    assert pickle.loads(pickle.dumps(other)) == other


def test_weights_that_somebody_set_hold_for_any_model() -> None:
    mine = profile().with_weights({"ada": 0.9, "bob": 0.3})
    assert mine.for_models({"ada": "ada@2"}).weights == {"ada": 0.9, "bob": 0.3}


def test_what_a_document_knows_of_models_counts_on_every_material(tmp_path: Path) -> None:
    document = tuned_document("bundled", THRESHOLDS)
    assert document is not None
    auto = automatic_profile(document.profiles, ["printed"]).for_models({"paddleocr": "mine@1"})
    for own in (auto, auto.for_material("printed")):
        assert own.tuning is not None
        assert own.tuning.other_models == {"paddleocr"}
    known = automatic_profile(document.profiles, ["printed"])
    assert known.for_models(document.models) is known
