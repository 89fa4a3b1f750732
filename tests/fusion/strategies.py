"""Lines as engines misread them, weights, and profiles, for the property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from fusion import Profile
from ocr import CharacterHypothesis, Hypothesis, Span

ENGINES = ("ada", "bob", "cyd", "dan", "eve")
LETTERS = "ab rnm01loI.'’é"

texts = st.text(LETTERS, max_size=12)
probabilities = st.floats(0.0, 1.0, allow_nan=False)
weights = st.floats(0.0, 100.0, allow_nan=False, allow_subnormal=False).map(lambda weight: round(weight, 6))


@st.composite
def line_hypotheses(draw: st.DrawFn) -> Hypothesis:
    """A hypothesis of up to 12 characters, with spans for all, some or none of them."""
    text = draw(texts)
    placed = draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    shift = draw(st.floats(0.0, 30.0))
    return Hypothesis.of(
        CharacterHypothesis(
            letter, draw(probabilities), Span(10.0 * index + shift, 10.0 * index + shift + 8) if at else None
        )
        for index, (letter, at) in enumerate(zip(text, placed, strict=True))
    )


hypotheses_by_engine = st.dictionaries(
    st.sampled_from(ENGINES), line_hypotheses() | st.just(Hypothesis.abstain("joined writing"))
)
profiles = st.dictionaries(st.sampled_from(ENGINES), weights).map(lambda chosen: Profile("drawn", chosen))
