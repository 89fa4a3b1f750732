r"""Regular expressions of strangers: none that takes much memory or time only to be compiled. How long one may search
is up to whoever searches, with the module regex: `re` compiles a set such as (?i)[\0-\uffff] a character at a time, and
takes ten milliseconds for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import regex

MOST_ITEMS = 1000
"""Characters, sets and groups with everything repeated written out: the module regex keeps `a{1000}` as 1,000 items."""

_ESCAPED_OR_SET = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_NO_REPEAT = re.compile(r"\{(?!\d*,?\d*\})")
_parser: Any = re._parser  # type: ignore[attr-defined]  # there is no public one
_REPEATS = (_parser.MAX_REPEAT, _parser.MIN_REPEAT, _parser.POSSESSIVE_REPEAT)


def require_modest(pattern: str) -> None:
    """Raises ValueError for what is no regular expression or repeats too much, and for a brace that is no repeat: the
    modules re and regex take it for different things.
    """
    try:
        items = _items(_parser.parse(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise _no_expression(pattern, error) from error
    if items > MOST_ITEMS:
        raise ValueError(f"{pattern!r} has more than {MOST_ITEMS} items with its repeats; repeat less")
    if _NO_REPEAT.search(_ESCAPED_OR_SET.sub("", pattern)):
        raise ValueError(f"{pattern!r} has a brace that is no repeat; write it as \\{{")
    try:
        regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError) as error:
        raise _no_expression(pattern, error) from error


def _no_expression(pattern: str, error: Exception) -> ValueError:
    return ValueError(f"{pattern!r} is not a regular expression: {error}")


def _items(parsed: Iterable[tuple[Any, Any]]) -> int:
    total = 0
    for kind, argument in parsed:
        if kind in _REPEATS:
            least, _, repeated = argument
            total += max(1, least) * _items(repeated)
        else:
            total += 1 + sum(map(_items, _inner(argument)))
    return total


def _inner(argument: object) -> Iterator[Any]:
    """The expressions within the argument of a group, a look-around or alternatives."""
    if isinstance(argument, _parser.SubPattern):
        yield argument
    elif isinstance(argument, list | tuple):
        for part in argument:
            yield from _inner(part)
