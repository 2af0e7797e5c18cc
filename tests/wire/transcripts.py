"""Finds the golden transcripts and reads them; their form is told in `tests/transcripts/README.md`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from isartor_addon.core.prompt import Document, Image, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from isartor_addon.core.reply import Delta, Reply, join
from isartor_addon.wire import WIRES, find
from isartor_addon.wire.base import Mode, Route, Wire

FOLDER = Path(__file__).parent.parent / "transcripts"
MODES: tuple[Mode, ...] = ("json", "sse", "sse+usage", "ndjson", "array", "ws")
KINDS: dict[type, str] = {
    Text: "text",
    Thinking: "thinking",
    ToolCall: "tool_call",
    ToolResult: "tool_result",
    Opaque: "opaque",
    Image: "image",
    Document: "document",
}


@dataclass(frozen=True)
class Transcript:
    """One case."""

    name: str
    wire: Wire
    route: Route
    body: dict[str, Any]
    mode: Mode
    pieces: tuple[bytes, ...]
    """The response; of a WebSocket one message a piece."""
    expect: dict[str, Any]

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces)


@cache
def transcripts() -> tuple[Transcript, ...]:
    """All cases of all wires."""
    return tuple(_load(folder.parent) for folder in sorted(FOLDER.glob("*/*/request.json")))


def _load(folder: Path) -> Transcript:
    wire = WIRES[folder.parent.name]
    request = json.loads((folder / "request.json").read_bytes())
    expect = json.loads((folder / "expect.json").read_bytes())
    (response,) = folder.glob("response.*")
    content = response.read_bytes()
    socket = response.suffix == ".ws"
    routes = find(request["method"], request["host"], request["path"], request["query"])
    route = next(route for route in routes if route.wire.claims(request["body"]))
    assert wire is route.wire, f"{folder} is routed to {route.wire.name}"
    return Transcript(
        name=f"{folder.parent.name}/{folder.name}",
        wire=wire,
        route=route,
        body=request["body"],
        mode="ws" if socket else wire.mode(route, request["body"]),
        pieces=tuple(content.splitlines()) if socket else (content,),
        expect=expect,
    )


def read(wire: Wire, mode: Mode, pieces: Iterable[bytes]) -> Reply:
    """Read a body in `mode` that comes in `pieces`."""
    if mode == "json":
        return wire.read("json", b"".join(pieces))
    decoder = wire.decoder(mode)
    deltas: list[Delta] = []
    for piece in pieces:
        deltas += decoder.feed(piece)
    return join(deltas + decoder.close())


def as_json(reply: Reply) -> dict[str, Any]:
    """A reply as `expect.json` says it."""
    return {
        "id": reply.id,
        "model": reply.model,
        "parts": [_part(part) for part in reply.parts],
        "stop": _fields(reply.stop),
        "usage": _fields(reply.usage),
        "extra": dict(reply.extra),
    }


def _part(part: Part) -> dict[str, Any]:
    return {"type": KINDS[type(part)], **_fields(part)}


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def named_of(actual: Any, expected: Any) -> Any:
    """Of `actual` only what `expected` names; lists are kept whole."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return {name: named_of(actual[name], expected[name]) for name in expected if name in actual}
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        return [named_of(one, other) for one, other in zip(actual, expected, strict=True)]
    return actual
