"""`quorum mcp` over stdin and stdout: what the client of `mcp` 2.3.0 sends, recorded; the docs' program runs the client
itself (tests/deployments/on_a_cluster/test_integrations.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import pytest

from tests.fakes.plain_service import PlainService, app_over
from tests.fakes.served import free_port, over_http, until_it_listens

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[3]
EXCHANGE = [json.loads(line) for line in (ROOT / "tests" / "fixtures" / "mcp_exchange.jsonl").read_text().splitlines()]


@contextmanager
def quorum_mcp(folder: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "quorum", "mcp", str(folder), "--url", url]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, env=environment, **pipes) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


HTTP_HEADERS = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28"}


def asked_over_http(client: httpx.Client, url: str, call: dict[str, Any]) -> dict[str, Any]:
    names = {"mcp-method": call["method"], "mcp-name": call["params"].get("name", "")}
    headers = {**HTTP_HEADERS, **{name: value for name, value in names.items() if value}}
    response = client.post(url, json=call, headers=headers)
    assert response.status_code == 200, response.text
    text = response.text
    if response.headers["content-type"].startswith("text/event-stream"):
        [text] = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    answer: dict[str, Any] = json.loads(text)
    return answer


def test_the_same_is_answered_over_streamable_http(tmp_path: Path) -> None:
    PIL.Image.new("RGB", (40, 30), (255, 250, 240)).save(tmp_path / "a.png")
    port = free_port()
    with over_http(app_over(PlainService())) as url, httpx.Client(timeout=30.0) as client:
        command = [sys.executable, "-m", "quorum", "mcp", str(tmp_path), "--url", url, "--port", str(port)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, env=environment, **quiet) as process:
            try:
                until_it_listens(port)
                answers = [asked_over_http(client, f"http://127.0.0.1:{port}/mcp", call) for call in EXCHANGE]
            finally:
                process.terminate()
    assert answers[2]["result"]["structuredContent"]["text"] == "Hi"
    assert answers[5]["result"]["isError"]


def asked(process: subprocess.Popen[str], call: dict[str, Any]) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(call) + "\n")
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    assert answer["id"] == call["id"]
    return answer


def test_what_the_real_client_sends_is_answered(tmp_path: Path) -> None:
    PIL.Image.new("RGB", (40, 30), (255, 250, 240)).save(tmp_path / "a.png")
    with over_http(app_over(PlainService())) as url, quorum_mcp(tmp_path, url) as process:
        found, tools, text, doubtful, explained, outside = [asked(process, call)["result"] for call in EXCHANGE]
    assert "Doubtful words" in found["instructions"]
    assert {tool["name"] for tool in tools["tools"]} == {"read_file", "doubtful_words", "explain_word"}
    assert text["structuredContent"]["text"] == "Hi"
    for told in (doubtful, explained):
        [word] = told["structuredContent"]["result"]
        assert (word["word"], word["readings"], word["confidence"]) == ("Hi", {"a": "Hi"}, 0.9)
    assert outside["isError"]
    assert "outside" in outside["content"][0]["text"]
    assert [call["params"].get("name") for call in EXCHANGE][2:] == [
        "read_file",
        "doubtful_words",
        "explain_word",
        "read_file",
    ]
