"""Quorum as a server of the Model Context Protocol, for assistants: `quorum mcp`. Thin: the tools are reading_tools."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from ocr.errors import QuorumError
from quorum.plugins.reading_tools import DOUBT, FileText, ReadingTools, WordReading

Path = Annotated[str, Field(description="The file's path below the folder that the server was started for.")]
Language = Annotated[str, Field(description="ISO 639-1, with commas between several; auto: found out.")]


def mcp_server(tools: ReadingTools) -> MCPServer:
    """The server with its three tools. Errors are told with their remedy."""
    server = MCPServer(
        "quorum",
        version=version("quorum-ocr"),
        instructions="Reads scanned pages, photographs of text and PDFs. Doubtful words may be wrong: say so.",
    )

    @server.tool()  # type: ignore[untyped-decorator]
    def read_file(path: Path, lang: Language = "auto") -> FileText:
        """Read the text of an image or a PDF."""
        try:
            return tools.read_file(path, lang)
        except QuorumError as error:
            raise ToolError(str(error)) from error

    @server.tool()  # type: ignore[untyped-decorator]
    def doubtful_words(
        path: Path, lang: Language = "auto", below: float = DOUBT, most: Annotated[int, Field(ge=1, le=500)] = 20
    ) -> list[WordReading]:
        """List the words of a file that may be wrong, the most doubtful first, with what each engine read."""
        try:
            return tools.doubtful_words(path, lang, below, most)
        except QuorumError as error:
            raise ToolError(str(error)) from error

    @server.tool()  # type: ignore[untyped-decorator]
    def explain_word(path: Path, word: str, lang: Language = "auto") -> list[WordReading]:
        """Say for each place of a word in a file what each engine read there, and how sure Quorum is."""
        try:
            return tools.explain_word(path, word, lang)
        except QuorumError as error:
            raise ToolError(str(error)) from error

    return server
