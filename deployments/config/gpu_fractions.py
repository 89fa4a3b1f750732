"""Fractions of GPUs: that engines which are meant for one card fit on it, and that the two places agree which say so.

A fraction is said twice, because two parties act on it. Ray, which places replicas, reads `num_gpus` in Serve's own
section of the configuration file and keeps books; it does not hinder anybody from taking more. The engine, which holds
its framework to it, is told `gpu` in the application's arguments. Knows neither Serve nor any framework.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

# Fractions are written with a few digits; ten times 0.1 must be one card.
_ROUNDING = 1e-6


def require_engines_fit_their_cards(shares: Iterable[tuple[str, str, float]]) -> None:
    """Refuse engines that do not fit on the card that they are meant for.

    `shares` are (card, engine, fraction), one replica each. Raises ValueError, naming every fraction: Ray would leave
    the last of them waiting for a card for ever, and say so nowhere but in its log.
    """
    cards: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for card, engine, fraction in shares:
        cards[card][engine] = fraction
    for card, held in cards.items():
        total = sum(held.values())
        if total > 1.0 + _ROUNDING:
            listed = " + ".join(f"{engine} {fraction:g}" for engine, fraction in held.items() if fraction)
            raise ValueError(
                f"card {card!r}: {listed} = {total:g} of one card; lower a fraction, or name another `card` for some"
            )


def fraction_mismatch(engine: str, told: float, placed: float) -> str:
    """What is wrong when an engine is told another fraction than it was placed with; empty when they agree."""
    if abs(told - placed) <= _ROUNDING:
        return ""
    return (
        f"{engine} has gpu {told:g} in `args`, but Serve placed it with num_gpus {placed:g}; "
        "make both the same in the configuration file"
    )
