"""One character, read by engines some of which read whole lines.

Only answers of one character within the allowed classes are votes. An engine whose first choice is not allowed may
still vote with one of its other guesses, which counts only as much as the engine is sure of it. With
confidence-weighted voting all its allowed guesses count (a linear opinion pool). Whatever was read is recorded, with
weight 0 where it was no vote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fusion.profiles.profile import Profile
from fusion.votes.normalisation import normalised
from fusion.votes.voting import Ballot, Method, count_votes
from fusion.votes.weighted_hypotheses import NO_SCORE
from ocr import Character, CharacterHypothesis, Classes, Hypothesis, Vote

MAX_GUESSES = 3
"""How many guesses of an engine may vote, its first choice among them."""


def fuse_character(
    hypotheses: Mapping[str, Hypothesis],
    profile: Profile,
    method: Method = Method.WEIGHTED_VOTING,
    classes: Classes = Classes.ALNUM,
) -> Character:
    """The character that wins among the allowed ones; "" with confidence 0 when no engine has a vote."""
    profile = profile.for_characters()
    read = {engine: normalised(hypotheses[engine]) for engine in sorted(hypotheses) if not hypotheses[engine].abstained}
    guesses = {
        engine: list(_allowed(_guesses(characters, engine, profile), classes)) for engine, characters in read.items()
    }
    weights = profile.normalised_weights(engine for engine, allowed in guesses.items() if allowed)
    ballots = {engine: _ballots(guesses[engine], weight, method) for engine, weight in weights.items()}
    votes = tuple(
        vote
        for engine, characters in read.items()
        for vote in _votes(engine, characters, ballots.get(engine, []), profile)
    )
    if not ballots:
        return Character("", 0.0, votes)
    winner = count_votes([ballot for cast in ballots.values() for ballot in cast], method)
    return Character(winner.text, winner.confidence, votes)


def _guesses(characters: tuple[CharacterHypothesis, ...], engine: str, profile: Profile) -> Iterator[tuple[str, float]]:
    """What an engine takes the one character for, most probable first; nothing when it read none or several."""
    if len(characters) != 1:
        return
    calibration = profile.calibration(engine)
    only = characters[0]
    yield only.text, calibration.of(only.probability)
    others = [other for other in only.alternatives if other.text != only.text]
    for other in others[: MAX_GUESSES - 1]:
        yield other.text, calibration.of(other.probability)


def _allowed(guesses: Iterator[tuple[str, float]], classes: Classes) -> Iterator[Ballot]:
    for rank, (text, probability) in enumerate(guesses):
        if len(text) == 1 and text in classes.alphabet:
            yield Ballot(text, 0.0, probability, second_guess=rank > 0)


def _ballots(guesses: list[Ballot], weight: float, method: Method) -> list[Ballot]:
    counted = guesses if method is Method.CONFIDENCE_WEIGHTED else guesses[:1]
    return [ballot._replace(weight=weight) for ballot in counted]


def _votes(
    engine: str, characters: tuple[CharacterHypothesis, ...], ballots: list[Ballot], profile: Profile
) -> Iterator[Vote]:
    """What an engine read, then the second guesses that counted."""
    text = "".join(character.text for character in characters)
    scores = profile.calibration(engine).of_all([character.probability for character in characters])
    probability = sum(scores) / len(scores) if scores else NO_SCORE
    first = next((ballot for ballot in ballots if not ballot.second_guess), None)
    yield Vote(engine, text, first.weight if first else 0.0, probability)
    for ballot in ballots:
        if ballot.second_guess:
            yield Vote(engine, ballot.text, ballot.weight * ballot.probability, ballot.probability)
