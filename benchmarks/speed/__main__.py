"""Speed against what a user would run instead, side by side on this machine, as ratios: machines differ.

    python -m benchmarks.speed [--pages ../shared/data/pages/fondue ...]    all of it, in one run
    python -m benchmarks.speed ours|others|served|report                    one part of it, beside what is kept
    python -m benchmarks.speed check [--keep]                               whether ratios got worse

Results are kept in results/speed.json and told in results/speed.md. What is measured and how is in speed_peers.py and
speed_served.py, what is made of it in speed_report.py, and what is checked in speed_check.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness.results import RESULTS
from benchmarks.harness.serving import served
from benchmarks.speed import speed_check, speed_peers, speed_report, speed_served
from benchmarks.speed.speed_readers import OTHERS, OURS
from benchmarks.speed.speed_served import Amount
from evaluation.environment import setting

Figures = dict[str, Any]


def peers(ways: Iterable[str], arguments: argparse.Namespace) -> Figures:
    """These ways, each in a process of its own."""
    pages = speed_peers.pages_of(arguments.pages, arguments.each)
    return {"peers": [asdict(one) for one in speed_peers.measured(ways, pages, _told)]}


def serve(arguments: argparse.Namespace) -> Figures:
    """The served ensemble."""
    pages = speed_peers.pages_of(arguments.pages, arguments.each)
    with served() as ready_s:
        return asdict(speed_served.everything(ready_s, pages, Amount(), _told))


PARTS: Mapping[str, Callable[[argparse.Namespace], Figures]] = {
    "ours": partial(peers, OURS),
    "others": partial(peers, OTHERS),
    "served": serve,
}


def measure(part: str, arguments: argparse.Namespace, out: Path) -> None:
    """One part of it, kept beside the others."""
    before, began = setting(), time.monotonic()
    figures = PARTS[part](arguments)
    kept = json.loads(out.read_text()) if out.exists() else {}
    kept[part] = {"setting": before, "seconds": round(time.monotonic() - began), **figures}
    out.write_text(json.dumps(kept, indent=1) + "\n")


def _told(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Measure, keep, tell; or check."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("part", nargs="?", choices=("all", *PARTS, "report", "check"), default="all")
    parser.add_argument("--pages", type=Path, action="extend", nargs="+", default=[], help="folders with truth")
    parser.add_argument("--each", type=int, default=2, help="test pages of each folder")
    parser.add_argument("--out", type=Path, default=RESULTS / "speed.json")
    parser.add_argument("--keep", action="store_true", help="check: keep the ratios as those to compare with")
    arguments = parser.parse_args()
    if arguments.part == "check":
        return speed_check.main(arguments.out, keep=arguments.keep)
    for part in PARTS if arguments.part == "all" else (arguments.part,):
        if part in PARTS:
            measure(part, arguments, arguments.out)
    text = speed_report.markdown(json.loads(arguments.out.read_text()))
    arguments.out.with_suffix(".md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
