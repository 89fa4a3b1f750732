"""Which lines of true pages were written by hand. In the Stanford letters both kinds are on one page, and a figure over
all of them says little about either; Hooker's letters are written throughout.

The lines of Stanford were looked at once, page by page. A page is mostly typed or mostly written; the table has the
lines, by their number among those with text, that are otherwise: signatures under typed letters, printed letterheads
and stamps over written ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from evaluation.pages.ground_truth import GroundTruthPage

_WRITTEN_ON_TYPED: Mapping[str, frozenset[int]] = {
    "Lettre43.jpg": frozenset({28}),
    "Lettre46.jpg": frozenset({17}),
    "Lettre60.jpg": frozenset(),
    "Lettre243.jpg": frozenset(),
    "Lettre244.jpg": frozenset(),
    "SC0033B_s4_b01_f14_i080.jpg": frozenset({10}),
    "SC0033B_s4_b01_f14_i081.jpg": frozenset(),
    "SC0033B_s4_b01_f14_i090.jpg": frozenset({15}),
}
_TYPED_ON_WRITTEN: Mapping[str, frozenset[int]] = {
    "Lettre58.jpg": frozenset(),
    "Lettre59.jpg": frozenset(),
    "Lettre69.jpg": frozenset({*range(15), *range(32, 46)}),
    "Lettre76_1.jpg": frozenset(),
    "Lettre242.jpg": frozenset({*range(24), *range(25, 29), 50}),
    "Lettre250.jpg": frozenset(range(6)),
    "Lettre251.jpg": frozenset(),
    "SC0033B_s4_b01_f14_i084.jpg": frozenset({0, 1}),
    "SC0033B_s4_b01_f14_i088.jpg": frozenset({0, 1}),
    "SC0033B_s4_b01_f14_i089.jpg": frozenset({0, 1, 2}),
    "SC0033B_s4_b01_f14_i092.jpg": frozenset(),
    "SC0033B_s4_b01_f14_i093.jpg": frozenset(),
}


class Writing(StrEnum):
    """How a line came onto the paper: typed, printed or stamped, or written in cursive."""

    TYPED = "typed"
    CURSIVE = "cursive"


def writing_of(page: GroundTruthPage) -> tuple[Writing, ...]:
    """The kind of each line of a page. A page that the tables do not name and that is of no letter is typed."""
    if page.letter:
        return (Writing.CURSIVE,) * len(page.lines)
    name = page.image.name
    if name in _TYPED_ON_WRITTEN:
        typed = _TYPED_ON_WRITTEN[name]
        return tuple(Writing.TYPED if number in typed else Writing.CURSIVE for number in range(len(page.lines)))
    written = _WRITTEN_ON_TYPED.get(name, frozenset())
    return tuple(Writing.CURSIVE if number in written else Writing.TYPED for number in range(len(page.lines)))
