"""Which engines begin at once on a page, and which when others are done, so that short time gives an answer too.

Engines that share the cores of a node and begin together are done together: at half of the time that all of them need,
each has read a part of the page, and most lines were read by few or none. So where the time is short, those begin that
can be done in it, by their votes for each second that they take, or the quickest where none can; the others follow one
after the other, with what time is left. Where it is enough, and on nodes with cores for all, all begin at once.

How long engines take is what their replicas have measured (processor time a line), on the cores of their nodes, times
how much longer than that it took here of late: other requests, other programs and a slow network are in it. Knows no
engine by name, no Serve and no asyncio.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from deployments.messages.states import EngineState

# What is predicted is exceeded by so much now and then.
_MARGIN = 1.5
_NEWEST = 0.3
_SLOWEST = 5.0
# With fewer, the way there and back is most of the time.
_MANY_LINES = 8


@dataclass(frozen=True, slots=True)
class Stage:
    """These engines begin together. After `patience_s` the next stage begins even if they are not done."""

    engines: tuple[str, ...]
    patience_s: float


class ReadingPace:
    """How long engines take for lines here."""

    def __init__(self) -> None:
        self._slower = 1.0

    def seconds(self, engines: Iterable[str], lines: int, states: Mapping[str, EngineState]) -> float:
        """What these engines take for so many lines when they begin together; 0 for those of which nothing is known."""
        return self._slower * _at_best_s(engines, lines, states)

    def note(
        self, engines: Iterable[str], lines: int, states: Mapping[str, EngineState], seconds: float, *, done: bool
    ) -> None:
        """They took so long together; where they were not `done`, so long at least."""
        at_best_s = _at_best_s(engines, lines, states)
        if lines < _MANY_LINES or at_best_s == 0.0:
            return
        newest = min(_SLOWEST, seconds / at_best_s)
        if done or newest > self._slower:
            self._slower += _NEWEST * (newest - self._slower)

    def stages(
        self,
        engines: Sequence[str],
        lines: int,
        states: Mapping[str, EngineState],
        weights: Mapping[str, float],
        left_s: float,
    ) -> tuple[Stage, ...]:
        """The engines as they begin when `left_s` are left. `weights` are those of their votes."""

        def fits(some: Sequence[str]) -> bool:
            return _MARGIN * self.seconds(some, lines, states) <= left_s

        def stage(some: Sequence[str]) -> Stage:
            return Stage(tuple(some), max(2.0 * self.seconds(some, lines, states), left_s / 2.0))

        if fits(engines):
            return (stage(engines),)

        def worth(name: str) -> float:
            line_s = _line_s(states.get(name))
            return weights.get(name, 0.0) / line_s if line_s else float("inf")

        by_worth = sorted(engines, key=worth, reverse=True)
        leader = next((name for name in by_worth if fits([name])), None) or min(
            by_worth, key=lambda name: self.seconds([name], lines, states)
        )
        order = [leader, *(name for name in by_worth if name != leader)]
        first = 1
        while first < len(order) and fits(order[: first + 1]):
            first += 1
        return (stage(order[:first]), *(stage([name]) for name in order[first:]))


def _at_best_s(engines: Iterable[str], lines: int, states: Mapping[str, EngineState]) -> float:
    by_node: dict[str, float] = {}
    alone_s = 0.0
    for name in engines:
        state = states.get(name)
        if state is None or not (line_s := _line_s(state)):
            continue
        by_node[state.node] = by_node.get(state.node, 0.0) + line_s * lines / state.cores
        alone_s = max(alone_s, line_s * lines / min(state.cores, max(1, state.threads)))
    return max(alone_s, *by_node.values()) if by_node else 0.0


def _line_s(state: EngineState | None) -> float:
    """Seconds of the node's cores that a line takes; 0 on a card, and where nothing is known."""
    return 0.0 if state is None or state.gpu_fraction > 0.0 or not state.cores else state.line_s
