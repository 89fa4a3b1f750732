"""Many files through Ray Data: for sets that are too large for one client.

Ray Data streams the files to readers on all nodes of the cluster, and each reader asks the application through a Serve
handle, so neither files nor answers pass through HTTP. Every node must see the files under the same paths or URLs. What
is read and how it is kept is quorum/batch/rows.py's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ocr.errors import Unreachable
from quorum.batch.rows import ReadFiles, Row, read_file
from quorum.batch.storage import Source, source_of
from quorum.client import DocumentKeywords, HandleClient

# Readers only wait for the engines; they must not take cores from them.
_CPUS_OF_A_READER = 0.01


def over_ray_data(options: DocumentKeywords, *, address: str, at_once: int, whole: bool) -> ReadFiles:
    """Reads with `at_once` readers on the Ray cluster at `address`. Raises Unreachable when there is none."""
    HandleClient(address=address)  # joins the cluster, and says at once when the application does not run there

    def read(paths: Sequence[Source]) -> Iterator[tuple[Source, list[Row]]]:
        import ray.data

        ray.data.DataContext.get_current().enable_progress_bars = False  # the caller shows its own
        readers = ray.data.from_items([{"path": os.fsencode(path)} for path in paths]).map(
            _Reader, fn_constructor_args=(options, whole), concurrency=at_once, num_cpus=_CPUS_OF_A_READER
        )
        for item in readers.iter_rows():
            if item["lost"]:
                raise Unreachable(item["lost"], "start the application again, then this command")
            yield source_of(os.fsdecode(item["path"])), [Row(**row) for row in json.loads(item["rows"])]

    return read


class _Reader:
    """Reads one file after the other in a process of its own."""

    def __init__(self, options: DocumentKeywords, whole: bool) -> None:
        self._client = HandleClient()
        self._options = options
        self._whole = whole

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        path = source_of(os.fsdecode(item["path"]))
        try:
            rows = read_file(self._client, path, self._options, whole=self._whole)
        except Unreachable as error:
            return {"path": item["path"], "rows": "[]", "lost": error.message}
        return {"path": item["path"], "rows": json.dumps([asdict(row) for row in rows]), "lost": ""}
