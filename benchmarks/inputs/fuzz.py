"""Every route of a service and every format of files, with requests made up at random, for as long as is wanted.

    python -m benchmarks.inputs.fuzz [--seconds 3600] [--seed 1] [--url http://127.0.0.1:8000]

Starts the application as benchmarks/harness/serving.py does, unless it is told where one runs. Between the requests
somebody reads a small page and must get its text. What no request may get: a fault of the service (500), an answer that
is no answer of the contract, an answer that takes longer than the longest deadline, a connection that is cut. Such a
request is kept as a file, which says how to send it again. Times are seconds.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import httpx
import typer

from benchmarks.harness import command
from benchmarks.harness.serving import QUICK, URL, served_at
from benchmarks.inputs.fuzz_cases import FuzzCase, Fuzzer
from deployments.gateway.access.route_roles import ROLES

_SLOW_S = 60.0
"""The longest that any of the requests may ask for is cut to this: what takes longer hangs."""
_PATIENT = frozenset({503, 504, 429})
"""Answers that say when to come back."""
_BYSTANDER_EVERY = 50
_TOLD_EVERY = 1000
SPARED = frozenset({("put", "/config"), ("post", "/config/weights")})
"""Without a key they are refused; with one they would change what the others meet."""


@dataclass(slots=True)
class FuzzResult:
    """What was sent, what came back by status, and what should not have."""

    seed: int
    statuses: Counter[int] = field(default_factory=Counter)
    problems: list[tuple[FuzzCase, str]] = field(default_factory=list)
    slowest_s: float = 0.0

    @property
    def sent(self) -> int:
        return self.statuses.total()


def problem_of(response: httpx.Response) -> str:
    """What is wrong with an answer; "" where nothing is."""
    if response.status_code >= 500 and response.status_code not in _PATIENT:
        return f"{response.status_code}: {response.text[:200]}"
    if response.status_code in _PATIENT and "retry-after" not in response.headers:
        return f"{response.status_code} does not say when to come back"
    if response.is_error and response.request.method != "HEAD":
        try:
            said = json.loads(response.content)
        except ValueError:
            return f"{response.status_code} is not in the form of the contract: {response.text[:200]}"
        if not isinstance(said, dict) or not ("error" in said or said.get("object") == "error"):
            return f"{response.status_code} names no error: {response.text[:200]}"
    return ""


def send(client: httpx.Client, case: FuzzCase, result: FuzzResult) -> None:
    """Send one request and note what became of it. One that no client can send is none."""
    began = time.monotonic()
    try:
        response = client.request(case.method, case.path, timeout=_SLOW_S, **case.keywords)
    except httpx.InvalidURL:
        return
    except httpx.HTTPError as error:
        status, said = 0, f"{type(error).__name__} after {time.monotonic() - began:.1f} s"
    else:
        status, said = response.status_code, problem_of(response)
    result.statuses[status] += 1
    result.slowest_s = max(result.slowest_s, time.monotonic() - began)
    if said:
        result.problems.append((case, said))


def _told(folder: Path, seed: int, case: FuzzCase, said: str) -> None:
    """Say and keep what went wrong, at once: the run may end before it is over."""
    print(f"{case.number}: {case.method} {case.path} with {case.what}: {said}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    shown = {
        "seed": seed,
        "number": case.number,
        "request": f"{case.method} {case.path}",
        "what": case.what,
        "said": said,
    }
    (folder / f"{seed}-{case.number}.json").write_text(json.dumps(shown, indent=1))


def bystander_problem(client: httpx.Client) -> str:
    """What was wrong when somebody else had a small page read; "" where it was."""
    headers = {"content-type": "image/png"}
    try:
        answer = client.post("/predict_text", content=QUICK.read_bytes(), headers=headers, timeout=_SLOW_S)
    except httpx.HTTPError as error:
        return f"beside it a small page got {type(error).__name__}"
    if answer.status_code != 200 or not answer.json()["text"]:
        return f"beside it a small page got {answer.status_code}: {answer.text[:200]}"
    return ""


def main(
    seconds: Annotated[float, typer.Option(help="How long.")] = 60.0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same requests.")] = 1,
    url: Annotated[str | None, typer.Option(help="A service that runs; else one is started.")] = None,
    keep: Annotated[Path, typer.Option(help="Where requests with a wrong answer are kept.")] = Path("fuzz-failures"),
) -> None:
    """Send requests made up at random, and end with 1 where one got a wrong answer."""
    with served_at(url), httpx.Client(base_url=url or URL) as client:
        fuzzer = Fuzzer(client.get("/openapi.json").json(), seed, ROLES, SPARED)
        result, began, known = FuzzResult(seed), time.monotonic(), 0
        for case in fuzzer.cases():
            send(client, case, result)
            if case.number % _BYSTANDER_EVERY == 0 and (said := bystander_problem(client)):
                result.problems.append((case, said))
            for found, said in result.problems[known:]:
                _told(keep, seed, found, said)
            known = len(result.problems)
            if case.number % _TOLD_EVERY == 0:
                print(f"{time.monotonic() - began:.0f} s: {_counted(result)}", flush=True)
            if time.monotonic() > began + seconds:
                break
    print(f"on {len(fuzzer.routes())} routes: {_counted(result)}")
    if result.problems:
        raise typer.Exit(1)


def _counted(result: FuzzResult) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in sorted(result.statuses.items()))
    return f"{result.sent} requests: {counts}; {len(result.problems)} wrong; slowest {result.slowest_s:.1f} s"


if __name__ == "__main__":
    command.run(main)
