"""Anthropic messages: `POST /v1/messages` and `/v1/messages/count_tokens`.

Its content blocks are in `anthropic_blocks.py`, its replies in `anthropic_reply.py` and `anthropic_stream.py`.

Losslessness: `extra` holds every field that the neutral types do not, and, under a field's own name, the form it had
where there are several: a string stands there as an empty string, an empty list as an empty list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Final

import orjson

from isartor_addon.core.canonical import Shape
from isartor_addon.core.errors import BadReply, ClientMistake
from isartor_addon.core.prompt import Json, Prompt, Role, Sampling, Tool, Turn
from isartor_addon.core.reply import Reply, Usage
from isartor_addon.wire.anthropic_blocks import NAME, read_content, write_content
from isartor_addon.wire.anthropic_reply import STOPS, read_message, read_usage, write_message
from isartor_addon.wire.anthropic_stream import Stream, encode, ending
from isartor_addon.wire.base import Decoder, Mode, Route, Wire
from isartor_addon.wire.fields import asked, rest

_ERROR_TYPES: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_ELSEWHERE: Final = ("/threads/", "/conversations/", "/channels/")
"""Paths below these end in `/messages` too, and are other APIs'."""
_CONTINUING: Final[Mapping[str, str]] = {
    "thread": "the conversation is kept by the provider (thread)",
    "mcp_servers": "the provider calls MCP servers for it, which may act on the world",
}


class AnthropicMessages(Wire):
    """The Messages API, as Anthropic, Copilot, OpenRouter and others serve it."""

    name: ClassVar[str] = NAME
    shape: ClassVar[Shape] = Shape(turns="messages", content="content", system="system")
    headers: ClassVar[tuple[str, ...]] = ("anthropic-version", "anthropic-beta")
    request_id_headers: ClassVar[tuple[str, ...]] = ("request-id", "x-request-id")
    terminal: ClassVar[Mapping[str, tuple[bytes, ...]]] = {"sse": (b'"message_stop"',)}

    def route(self, method: str, host: str, path: str, query: Mapping[str, str]) -> Route | None:
        """`POST .../messages` and `.../messages/count_tokens`; batches are not routed."""
        counting = path.endswith("/messages/count_tokens")
        if method != "POST" or not (counting or path.endswith("/messages")):
            return None
        if any(other in path for other in _ELSEWHERE):
            return None
        beta = query.get("beta")
        target = f"{path}?beta={beta}" if beta else path
        return Route(self, "count" if counting else "generate", target)

    def mode(self, route: Route, body: Mapping[str, Json]) -> Mode:
        """SSE where `stream` is true."""
        return "sse" if route.operation == "generate" and body.get("stream") is True else "json"

    def uncacheable(self, route: Route, body: Mapping[str, Json]) -> str:
        """Requests that continue or make state at the provider: containers, threads, MCP."""
        container = body.get("container")
        if isinstance(container, str) or (isinstance(container, dict) and container.get("id")):
            return "it continues a container that the provider keeps"
        tools = body.get("tools")
        for tool in tools if isinstance(tools, list) else ():
            kind = tool.get("type") if isinstance(tool, dict) else None
            if isinstance(kind, str) and kind.startswith("code_execution"):
                return "its code runs in a container that the provider keeps"
        return next((reason for name, reason in _CONTINUING.items() if body.get(name)), "")

    def parse(self, route: Route, body: Mapping[str, Json]) -> Prompt:
        """
        Read a request.

        Raises:
            ClientMistake: `messages`, a message, `system` or `tools` has a type the wire does not allow.
        """
        extra = dict(body)
        messages = asked.objects(extra.pop("messages", None), "messages")
        system, form = read_content(extra, "system", "system")
        extra = {**rest(extra, ("system",)), **form}
        model, stream, choice = body.get("model"), body.get("stream"), body.get("tool_choice")
        if isinstance(model, str) and model:
            del extra["model"]
        if stream is True:
            del extra["stream"]
        if choice is not None:
            del extra["tool_choice"]
        return Prompt(
            model=model if isinstance(model, str) else "",
            turns=tuple(_read_turn(message, f"messages[{number}]") for number, message in enumerate(messages)),
            system=system,
            tools=_take_tools(extra),
            tool_choice=choice,
            sampling=_take_sampling(extra),
            response_format=_take_format(extra),
            stream=stream is True,
            extra=extra,
        )

    def render(self, prompt: Prompt) -> dict[str, Json]:
        """
        Write a request body.

        Raises:
            Untranslatable: the prompt holds another wire's opaque content.
        """
        body: dict[str, Json] = {"model": prompt.model} if prompt.model else {}
        body |= prompt.extra
        body["messages"] = [_write_turn(turn) for turn in prompt.turns]
        write_content(body, "system", prompt.system)
        if prompt.tools:
            body["tools"] = [_write_tool(tool) for tool in prompt.tools]
        if prompt.tool_choice is not None:
            body["tool_choice"] = prompt.tool_choice
        if prompt.stream:
            body["stream"] = True
        for name, value in (prompt.response_format or {}).items():
            held = body.get(name)
            body[name] = {**held, **value} if isinstance(held, dict) else value
        return body | _write_sampling(prompt.sampling)

    def read_reply(self, body: Json) -> Reply:
        """
        Read a whole JSON reply.

        Raises:
            BadReply: it is none, it is an error, or it was never finished.
        """
        return read_message(body)

    def write_reply(self, reply: Reply) -> Json:
        """
        Write a whole JSON reply.

        Raises:
            Untranslatable: a part cannot be said on this wire.
        """
        return write_message(reply)

    def decoder(self, mode: Mode) -> Decoder:
        """A reader of `sse`; there is no other stream."""
        return Stream() if mode == "sse" else super().decoder(mode)

    def encode(self, reply: Reply, mode: Mode) -> tuple[bytes, ...]:
        """Write `sse` as Anthropic sends it; there is no other stream."""
        return tuple(encode(reply)) if mode == "sse" else super().encode(reply, mode)

    def verify_verbatim(self, mode: Mode, content: bytes) -> str:
        """A stream with new kinds of deltas is complete where it came to `message_stop`."""
        if mode != "sse":
            return super().verify_verbatim(mode, content)
        stop_reason, complete = ending(content)
        if not complete:
            raise BadReply("the stream ended before message_stop")
        stopped = STOPS.get(stop_reason) in ("refusal", "pause")
        return f"the model stopped with {stop_reason}" if stopped else ""

    def told_usage(self, body: Mapping[str, Json]) -> Json:
        """`message_start` tells it of the message inside it, later events of themselves."""
        inner = body.get("message")
        return inner.get("usage") if isinstance(inner, dict) else body.get("usage")

    def read_usage(self, told: Mapping[str, Json]) -> Usage:
        """Read a usage object."""
        return read_usage(told)

    def error(self, status: int, code: str, message: str) -> bytes:
        """An error body. The shape has no place for `code`."""
        kind = _ERROR_TYPES.get(status) or ("invalid_request_error" if status < 500 else "api_error")
        error = {"type": kind, "message": message}
        return orjson.dumps({"type": "error", "error": error, "request_id": None})

    def error_event(self, code: str, message: str) -> bytes:
        """The `error` event."""
        return b"event: error\ndata: " + self.error(500, code, message) + b"\n\n"


def _read_turn(message: dict[str, Json], where: str) -> Turn:
    role = message.get("role")
    if role not in ("user", "assistant", "system"):
        raise ClientMistake(f"{where}.role must be user, assistant or system")
    parts, form = read_content(message, "content", f"{where}.content")
    return Turn(role, parts, {**rest(message, ("role", "content")), **form})


def _write_turn(turn: Turn) -> dict[str, Json]:
    role: Role = "user" if turn.role == "tool" else "system" if turn.role == "developer" else turn.role
    return write_content({"role": role, **turn.extra}, "content", turn.parts)


def _take_tools(extra: dict[str, Json]) -> tuple[Tool, ...]:
    if not extra.get("tools"):
        return ()
    return tuple(_read_tool(tool) for tool in asked.objects(extra.pop("tools"), "tools"))


def _read_tool(tool: dict[str, Json]) -> Tool:
    extra = dict(tool)
    name, description, schema = tool.get("name"), tool.get("description"), tool.get("input_schema")
    read = Tool("", extra=extra)
    if isinstance(name, str) and name:
        del extra["name"]
        read = replace(read, name=name)
    if isinstance(description, str) and description:
        del extra["description"]
        read = replace(read, description=description)
    if schema is not None:
        del extra["input_schema"]
        read = replace(read, schema=schema)
    return read


def _write_tool(tool: Tool) -> dict[str, Json]:
    written: dict[str, Json] = {"name": tool.name} if tool.name else {}
    if tool.description:
        written["description"] = tool.description
    if tool.schema is not None:
        written["input_schema"] = tool.schema
    return {**written, **tool.extra}


def _take_sampling(extra: dict[str, Json]) -> Sampling:
    stop = extra.get("stop_sequences")
    if stop and isinstance(stop, list) and all(isinstance(each, str) for each in stop):
        del extra["stop_sequences"]
    else:
        stop = ()
    return Sampling(
        temperature=_take_number(extra, "temperature"),
        top_p=_take_number(extra, "top_p"),
        top_k=_take_number(extra, "top_k"),
        max_tokens=_take_number(extra, "max_tokens"),
        stop=tuple(stop),
    )


def _take_number(extra: dict[str, Json], name: str) -> Json:
    value = extra.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return extra.pop(name)
    return None


def _write_sampling(sampling: Sampling) -> dict[str, Json]:
    written: dict[str, Json] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "max_tokens": sampling.max_tokens,
        "stop_sequences": list(sampling.stop) or None,
    }
    return {name: value for name, value in written.items() if value is not None}


def _take_format(extra: dict[str, Json]) -> Json:
    """Take out `output_format` (beta), or `format` of `output_config`, with the name of the field it stood in."""
    if extra.get("output_format") is not None:
        return {"output_format": extra.pop("output_format")}
    config = extra.get("output_config")
    if not isinstance(config, dict) or config.get("format") is None:
        return None
    if len(config) == 1:
        del extra["output_config"]
    else:
        extra["output_config"] = rest(config, ("format",))
    return {"output_config": {"format": config["format"]}}


WIRE: Final = AnthropicMessages()
