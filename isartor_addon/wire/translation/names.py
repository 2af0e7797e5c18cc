"""Names of tools that not every wire takes.

OpenAI and Gemini take at most 64 letters, digits, `_` and `-`; clients of other wires go beyond (tools of MCP servers
bear the server's name). Such a tool is offered under a name made from its own, and called back by its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Final

from isartor_addon.core.prompt import Part, ToolCall
from isartor_addon.wire.translation.ask import Ask, Own

_FITTING: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]")
_KEPT: Final = 51
"""Characters of a long name that are kept; `_` and twelve hex digits follow."""


def fitted(ask: Ask) -> Ask:
    """The request with names that every wire takes; the tools' own are in `offered`."""
    called = {part.name for turn in ask.turns for part in turn.parts if isinstance(part, ToolCall)}
    names = {
        name: _made(name) for name in (*called, *(tool.name for tool in ask.tools)) if not _FITTING.fullmatch(name)
    }
    if not names:
        return ask
    turns = (replace(turn, parts=tuple(_renamed(part, names) for part in turn.parts)) for turn in ask.turns)
    own = {names.get(name, name): each for name, each in ask.offered.items()}
    return replace(
        ask,
        turns=tuple(turns),
        tools=tuple(replace(tool, name=names.get(tool.name, tool.name)) for tool in ask.tools),
        choice=replace(ask.choice, name=names.get(ask.choice.name, ask.choice.name)) if ask.choice else None,
        offered={**{made: Own(name) for name, made in names.items()}, **own},
    )


def _made(name: str) -> str:
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"{_UNFIT.sub('_', name)[:_KEPT]}_{digest}"


def _renamed(part: Part, names: Mapping[str, str]) -> Part:
    if isinstance(part, ToolCall) and part.name in names:
        return replace(part, name=names[part.name])
    return part
