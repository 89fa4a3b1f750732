"""What the ensemble reads of single characters, beside the network made for them: `quorum evaluate characters`.

The weights are a profile's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.characters.character_sets import CharacterSet
from evaluation.markdown import document, table
from evaluation.metrics.bootstrap import paired_bootstrap
from fusion import Method, Profile

ALONE = "emnist_cnn"
"""The engine that the ensemble is held against."""


@dataclass(frozen=True, slots=True)
class VoteFigures:
    """Of one set: how many characters, the part that each engine reads right alone, the part that each method of voting
    reads right, and for each method how likely its difference to the network is by chance.
    """

    count: int
    alone: Mapping[str, float]
    together: Mapping[str, float]
    chance: Mapping[str, float]

    def gain(self, method: str) -> float:
        """In points, over the network alone."""
        return 100.0 * (self.together[method] - self.alone[ALONE])


def vote_figures(sets: Sequence[CharacterSet], engines: Sequence[str], profile: Profile) -> dict[str, VoteFigures]:
    """The votes of each set, by name."""
    return {own.name: _votes(own, engines, profile) for own in sets}


def _votes(own: CharacterSet, engines: Sequence[str], profile: Profile) -> VoteFigures:
    alone = {engine: own.alone(engine) for engine in engines}
    together = {str(method): own.hits(profile, method) for method in Method}
    chance = {method: paired_bootstrap(_wrong(hits), _wrong(alone[ALONE])) for method, hits in together.items()}
    count = len(own.truths)
    return VoteFigures(
        count,
        {engine: sum(hits) / count for engine, hits in alone.items()},
        {method: sum(hits) / count for method, hits in together.items()},
        chance,
    )


def _wrong(hits: Sequence[bool]) -> list[int]:
    return [int(not hit) for hit in hits]


def rows(found: Mapping[str, VoteFigures]) -> Iterator[list[str]]:
    """A table: heads, then the rows. In brackets the points over the network alone, and the chance of such a one."""
    first = next(iter(found.values()))
    yield ["set", "n", *[f"{engine}, %" for engine in first.alone], *[f"{method}, %" for method in first.together]]
    for name, own in found.items():
        together = [
            f"{100 * part:.1f} ({own.gain(method):+.1f}, {own.chance[method]:.3f})"
            for method, part in own.together.items()
        ]
        yield [name, str(own.count), *[f"{100 * part:.1f}" for part in own.alone.values()], *together]


def report(found: Mapping[str, VoteFigures], profile: Profile, command: str, setting: str) -> str:
    """As Markdown."""
    heads, *cells = rows(found)
    weights = ", ".join(f"{engine} {weight:g}" for engine, weight in profile.for_characters().weights.items())
    return document(
        "Single characters: the vote beside the character network",
        f"Made by `{command}`.\n\n"
        "The table has the share of right characters in percent, over 62 classes. A wrong case and a look-alike are "
        "errors. In brackets are the difference to the character network alone in points, and the probability of such "
        "a difference by chance (paired bootstrap). training/votes/character_sets.py makes the sets: printed, "
        "photographed and noisy characters from fonts that no training used, handwriting from the test part of the "
        "collections.",
        f"Weights: {weights}.",
        setting,
        table(heads, cells),
    )


def as_json(found: Mapping[str, VoteFigures]) -> dict[str, object]:
    return {name: {"count": own.count, "alone": own.alone, "together": own.together} for name, own in found.items()}
