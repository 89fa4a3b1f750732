"""A model that the profile was not tuned with: nothing of the tuned one counts for it, and its report says so."""

from __future__ import annotations

from dataclasses import replace

from deployments.messages.request import ReadRequest, RecognitionOptions
from deployments.router.fan_out import EngineOutcome
from deployments.router.page_fusion import fused_page
from fusion import Method, Profile
from fusion.evidence.claim_evidence import ClaimEvidence
from fusion.profiles.tuning import Tuning
from ocr import Box, EngineReport, Hypothesis, Layout, Region, Status

WEIGHTS = {"ada": 0.7, "bob": 0.3}
TUNED = Profile("p", WEIGHTS, tuning=Tuning(ClaimEvidence(lead=5.0), WEIGHTS, models={"ada": "ada@1", "bob": "bob@1"}))
REQUEST = ReadRequest(Method.CONFIDENCE_WEIGHTED, TUNED, ("ada", "bob"), 0.0, RecognitionOptions())
LAYOUT = Layout(
    100, 40, (Region(Box(0, 0, 100, 20).polygon(), 100, 20), Region(Box(0, 20, 100, 40).polygon(), 100, 20))
)


def outcome(engine: str, model: str, sure: float, *texts: str) -> EngineOutcome:
    report = EngineReport(engine, Status.OK, 0.1, model)
    return EngineOutcome(report, tuple(Hypothesis.of_text(text, sure) for text in texts))


def test_the_engine_that_was_tuned_leads_with_its_own_model_only() -> None:
    bob = outcome("bob", "bob@1", 0.99, "same line", "z")
    known = {"ada": outcome("ada", "ada@1", 0.6, "same line", "y"), "bob": bob}
    assert fused_page(LAYOUT, known, REQUEST).text == "same line\ny"
    other = {"ada": outcome("ada", "mine@7", 0.6, "same line", "y"), "bob": bob}
    page = fused_page(LAYOUT, other, REQUEST)
    assert page.text == "same line\nz"  # bob is surer of what both read
    details = {report.engine: report.detail for report in page.reports}
    assert details == {"ada": "the profile was tuned with ada@1, so nothing is known of this model", "bob": ""}


def test_what_a_report_says_already_stays() -> None:
    own = outcome("ada", "mine@7", 0.6, "y")
    asked = replace(own, report=replace(own.report, detail="asked about 1 of 2 lines"))
    page = fused_page(Layout(100, 20, LAYOUT.regions[:1]), {"ada": asked}, REQUEST)
    assert page.reports[0].detail.startswith("asked about 1 of 2 lines; the profile was tuned with ada@1")
