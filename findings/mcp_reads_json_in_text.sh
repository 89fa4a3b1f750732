#!/usr/bin/env bash
# mcp 2.3.0: a tool whose argument is "str | None" gets None for the text "null", and refuses texts that are JSON.
#
# Where an argument is not plainly "str", the SDK tries to read each text as JSON first; when a list, an object or null
# comes out, the tool is given that instead of the text. So text that a tool is to search for, to correct or to
# translate is changed or refused by what it happens to look like, although the input schema that the server publishes
# says that any string is valid. An argument that is plainly "str" gets every text as it was sent.
#
# Seen on 2026-11-30 with mcp 2.3.0, Python 3.11, client and server in one process:
#   the schema of text: [{'type': 'string'}, {'type': 'null'}]
#   str, "null": the tool got 'null'
#   str, "[1, 2]": the tool got '[1, 2]'
#   str, "{\"total\": 12}": the tool got '{"total": 12}'
#   str | None, "nil": the tool got 'nil'
#   str | None, "null": the tool got None
#   str | None, "[1, 2]": refused, Input should be a valid string
#   str | None, "{\"total\": 12}": refused, Input should be a valid string
#   str | list[str], "[\"a\"]": the tool got ['a']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet mcp==2.3.0
cat > "$folder/try.py" <<'PYTHON'
import asyncio
import json

from mcp import Client
from mcp.server.mcpserver import MCPServer

server = MCPServer("texts")


@server.tool(name="str")
def plain(text: str) -> str:
    return repr(text)


@server.tool(name="str | None")
def optional(text: str | None = None) -> str:
    return repr(text)


@server.tool(name="str | list[str]")
def one_or_several(text: str | list[str]) -> str:
    return repr(text)


CALLS = [
    ("str", ["null", "[1, 2]", '{"total": 12}']),
    ("str | None", ["nil", "null", "[1, 2]", '{"total": 12}']),
    ("str | list[str]", ['["a"]']),
]


async def main():
    async with Client(server) as client:
        schemas = {tool.name: tool.input_schema["properties"]["text"] for tool in (await client.list_tools()).tools}
        print("the schema of text:", schemas["str | None"]["anyOf"])
        for tool, texts in CALLS:
            for text in texts:
                answer = await client.call_tool(tool, {"text": text})
                said = answer.content[0].text
                refused = "refused, Input should be a valid string" if "valid string" in said else f"refused: {said}"
                print(f"{tool}, {json.dumps(text)}: {refused if answer.is_error else 'the tool got ' + said}")


asyncio.run(main())
PYTHON
"$folder/env/bin/python" "$folder/try.py" 2> "$folder/errors" | tee "$folder/seen" || cat "$folder/errors"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen" || { echo "the behaviour has changed"; exit 1; }
echo "as stated"
