"""`quorum mcp`: let assistants read files through a running service (Model Context Protocol).

Three tools: `read_file` (the text), `doubtful_words` (what may be wrong) and `explain_word` (what each engine read
there). Only files below FOLDER are read. It speaks over stdin and stdout, as most assistants start it, or with `--port`
over streamable HTTP at http://127.0.0.1:PORT/mcp, on this machine alone. It needs `pip install 'quorum-ocr[mcp]'`.
docs/integrations/mcp.md has an example.

Exit codes: 0 the assistant ended it; 1 the package is missing; 2 the command was not understood.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocr.errors import EngineUnavailable
from quorum.cli.read import ApiKey, Url
from quorum.client import DEFAULT_URL, Client
from quorum.terminal.output import errors_speak

_TIMEOUT_S = 300.0
_HOST = "127.0.0.1"


def register(app: typer.Typer) -> None:
    app.command()(mcp)


def mcp(
    folder: Annotated[Path, typer.Argument(help="Whose files may be read.", exists=True, file_okay=False)] = Path(),
    url: Url = DEFAULT_URL,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Speak streamable HTTP at this port of 127.0.0.1.")
    ] = None,
    api_key: ApiKey = None,
) -> None:
    """Let assistants read files through a running service."""
    with errors_speak(), Client(url, api_key, _TIMEOUT_S) as client:
        try:
            from quorum.plugins.mcp_server import mcp_server
            from quorum.plugins.reading_tools import ReadingTools
        except ImportError as error:
            raise EngineUnavailable(f"quorum mcp: {error}", "pip install 'quorum-ocr[mcp]'") from error
        server = mcp_server(ReadingTools(client, folder))
        if port is None:
            server.run("stdio")
        else:
            server.run("streamable-http", host=_HOST, port=port)
