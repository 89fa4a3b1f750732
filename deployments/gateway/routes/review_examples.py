"""An example of each answer of the routes of reviews, made with the types of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from deployments.gateway.routes.content_negotiation import JSON
from ocr.contract import WordCorrection
from ocr.review_contract import (
    DecisionsAnswer,
    ImportAnswer,
    NextWordsAnswer,
    ReadingChoice,
    RefusedDecision,
    ReviewAnswer,
    ReviewEstimate,
    ReviewWord,
    SureWords,
)

_NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
_TRUTH = (
    '{"image": "0000-letter-0001.jpg", "file": "letter.pdf", "page": 1, "lines": [{"polygon": [[60, 40], [610, 40], '
    '[610, 88], [60, 88]], "text": "14 Quayside Road", "complete": true, "words": []}]}\n'
)
_ALTO = '<?xml version="1.0" encoding="utf-8"?>\n<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"/>\n'
_PAGE = '<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"/>\n'
JSONL, ALTO, PAGE = "application/jsonl", "application/alto+xml", "application/vnd.prima.page+xml"


def review_examples() -> Mapping[tuple[str, str], Mapping[str, object]]:
    """By method and path, then by media type."""
    review = _review().model_dump(mode="json")
    base = "/jobs/{job}/review"
    kept = DecisionsAnswer(kept=[12], refused=[_refused()], review=_review()).model_dump(mode="json")
    found = NextWordsAnswer(words=[_word()], lease_s=300.0, review=_review()).model_dump(mode="json")
    taken = ImportAnswer(kept=40, refused=[_refused()], review=_review()).model_dump(mode="json")
    task: dict[str, object] = {"data": {"ocr": "0000-letter-0001.jpg", "file": "letter.pdf", "page": 1}}
    return {
        **{(method, base): {JSON: review} for method in ("POST", "GET", "DELETE")},
        ("POST", f"{base}/next"): {JSON: found},
        ("POST", f"{base}/decisions"): {JSON: kept},
        ("GET", f"{base}/picture"): {},
        ("GET", f"{base}/truth"): {JSONL: _TRUTH, ALTO: _ALTO, PAGE: _PAGE},
        ("GET", f"{base}/label-studio"): {JSON: [{**task, "predictions": []}]},
        ("POST", f"{base}/label-studio"): {JSON: taken},
    }


def _refused() -> RefusedDecision:
    return RefusedDecision(number=14, reason="somebody else looks at this word")


def _review() -> ReviewAnswer:
    return ReviewAnswer(
        job="4f0c2b6e9d1a4c5f8e7b6a5d4c3b2a19",
        key="kA3mZ7Qe0nJ1sX9vB2cD4fG6",
        order="doubt",
        below=0.7,
        sure_share=0.02,
        seed=0,
        words=2140,
        asked=260,
        decided=60,
        changed=31,
        illegible=1,
        left=200,
        leased=20,
        reviewers={"R. Adams": 60},
        estimate=ReviewEstimate(error_rate=0.019, words=40, seconds=180.0, error_rate_after=0.012),
        sure_words=SureWords(asked=9, wrong=0, error_rate=0.0, low=0.0, high=0.299),
        created_at=_NOW,
        changed_at=_NOW,
    )


def _word() -> ReviewWord:
    said = WordCorrection(kind="taken", was="Qvayside", text="Quayside", engines=["trocr"], by="key 1a2b3c4d", at=_NOW)
    return ReviewWord(
        number=12,
        file=0,
        name="letter.pdf",
        page=1,
        line=1,
        text="Qvayside",
        confidence=0.41,
        readings=[
            ReadingChoice(text="Qvayside", engines=["tesseract", "easyocr"]),
            ReadingChoice(text="Quayside", engines=["trocr"]),
        ],
        polygon=((98, 40), (260, 40), (260, 88), (98, 88)),
        line_polygon=((60, 40), (610, 40), (610, 88), (60, 88)),
        line_text="14 Qvayside Road",
        start=3,
        language="en",
        width=1240,
        height=1754,
        decision=said,
    )
