"""OpenAI Responses: `POST .../responses`, and the same over a WebSocket (`responses_chain.py`).

Paths: `/v1/responses` (OpenAI and compatible providers), `/responses` (Copilot), `/backend-api/codex/responses`
(ChatGPT). Source: the OpenAI API reference, sections responses, streaming events and WebSocket events.

Mode `ws`: one chunk of a recording is one WebSocket message as it came, without any separator; the joined content is
split again by its JSON. A request that came as a `response.create` message has the route of the POST on the same path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import orjson

from isartor_addon.core.canonical import Shape
from isartor_addon.core.errors import ClientMistake, Untranslatable
from isartor_addon.core.prompt import Json, Part, Prompt, Sampling, Text, Tool, Turn
from isartor_addon.core.reply import Reply, Usage
from isartor_addon.wire.base import Decoder, Mode, Route, Wire
from isartor_addon.wire.fields import asked, rest
from isartor_addon.wire.openai_chat import error_body, target
from isartor_addon.wire.openai_responses_items import NAME, read_turn, write_turn
from isartor_addon.wire.openai_responses_live import live_decoder
from isartor_addon.wire.openai_responses_reply import read_response, read_usage, write_response
from isartor_addon.wire.openai_responses_stream import EventWriter, as_sse, socket_decoder, sse_decoder

_ENDS: Final = (b"response.completed", b"response.incomplete")
_SAMPLING: Final = {"temperature": "temperature", "top_p": "top_p", "max_output_tokens": "max_tokens"}
_READ: Final = ("model", "input", "instructions", "tools", "tool_choice", "text", "stream", *_SAMPLING)


class OpenAIResponses(Wire):
    """The Responses wire format."""

    name = NAME
    shape = Shape(turns="input", system="instructions", mode=frozenset({"stream", "stream_options"}))
    headers = ("openai-beta", "openai-organization", "openai-project")
    request_id_headers = ("x-request-id", "openai-version")
    terminal: ClassVar[Mapping[str, tuple[bytes, ...]]] = {"sse": _ENDS, "ws": _ENDS}

    def route(self, method: str, host: str, path: str, query: Mapping[str, str]) -> Route | None:
        """POSTs alone: a GET is the upgrade to a WebSocket, see `is_socket_path`; `/responses/compact` passes."""
        if method != "POST":
            return None
        if path.endswith("/responses"):
            return Route(self, "generate", target(path, query))
        return Route(self, "count", target(path, query)) if path.endswith("/responses/input_tokens") else None

    def mode(self, route: Route, body: Mapping[str, Json]) -> Mode:
        """`sse` where the body asks for a stream; what comes over a WebSocket is `ws`, which the body does not say."""
        return "sse" if body.get("stream") is True and route.operation == "generate" else "json"

    def uncacheable(self, route: Route, body: Mapping[str, Json]) -> str:
        """
        Why an answer to this depends on state outside the body.

        `store: true` is no reason: the response id in a recording is a real one, under which the provider keeps that
        very response for the account (another account never gets the recording), so that what a client does with it
        later, retrieving it or naming it as `previous_response_id`, finds what it was told. A `previous_response_id` is
        none either: a finished response does not change, and its id counts in the key.
        """
        if body.get("background"):
            return "background responses are fetched later"
        if body.get("conversation"):
            return "the conversation is kept by the provider"
        template = body.get("prompt")
        if isinstance(template, dict) and not template.get("version"):
            return "a prompt template without a version may change"
        for tool in _offered(body):
            if isinstance(tool, dict) and _acts(tool):
                return f"the provider runs the tool {tool['type']} with state of its own"
        return ""

    def parse(self, route: Route, body: Mapping[str, Json]) -> Prompt:
        """Read a request. Nulls, and `input` as plain text (besides its turn), are kept in `extra`."""
        extra = rest(body, _READ) | {name: None for name in _READ if name in body and body[name] is None}
        said = {name: body[name] for name in _READ if body.get(name) is not None}
        return Prompt(
            model=asked.text(said.get("model", ""), "model"),
            turns=_read_input(said, extra),
            system=(Text(asked.text(said["instructions"], "instructions")),) if "instructions" in said else (),
            tools=_read_tools(said, extra),
            tool_choice=said.get("tool_choice"),
            sampling=_read_sampling(said),
            response_format=_read_format(said, extra),
            stream=_read_stream(said, extra),
            extra=extra,
        )

    def render(self, prompt: Prompt) -> dict[str, Json]:
        """Write a request body; what this wire has no field for (`stop`, `top_k`, `seed`) is Untranslatable."""
        sampling = prompt.sampling
        if sampling.stop or sampling.top_k is not None or sampling.seed is not None:
            raise Untranslatable("Responses has neither stop sequences nor top_k nor seed")
        body = dict(prompt.extra)
        if prompt.model:
            body["model"] = prompt.model
        if prompt.system:
            body["instructions"] = _write_instructions(prompt.system)
        plain = body.get("input")
        if prompt.turns and not (isinstance(plain, str) and prompt.turns == _said_plainly(plain)):
            body["input"] = [item for turn in prompt.turns for item in write_turn(turn)]
        if prompt.tools:
            body["tools"] = [_write_tool(tool) for tool in prompt.tools]
        if prompt.tool_choice is not None:
            body["tool_choice"] = prompt.tool_choice
        for field, name in _SAMPLING.items():
            if getattr(sampling, name) is not None:
                body[field] = getattr(sampling, name)
        if prompt.response_format is not None:
            body["text"] = {**(body.get("text") or {}), "format": prompt.response_format}
        if prompt.stream:
            body["stream"] = True
        return body

    def read_reply(self, body: Json) -> Reply:
        """Read a response object."""
        return read_response(body)

    def write_reply(self, reply: Reply) -> Json:
        """Write a response object."""
        return write_response(reply)

    def decoder(self, mode: Mode) -> Decoder:
        """A reader of `sse` or `ws`."""
        if mode == "sse":
            return sse_decoder()
        return socket_decoder() if mode == "ws" else super().decoder(mode)

    def live(self, mode: Mode) -> Decoder:
        """A reader of `sse` or `ws` that does not wait for the terminal event."""
        return live_decoder(mode) if mode in ("sse", "ws") else super().live(mode)

    def encode(self, reply: Reply, mode: Mode) -> tuple[bytes, ...]:
        """The whole official sequence of events, as `sse` or `ws`."""
        if mode not in ("sse", "ws"):
            return super().encode(reply, mode)
        try:
            return EventWriter(write_response(reply), as_sse if mode == "sse" else orjson.dumps).pieces()
        except orjson.JSONEncodeError as error:
            raise Untranslatable(f"the reply cannot be written: {error}") from error

    def told_usage(self, body: Mapping[str, Json]) -> Json:
        """An event tells it of the response inside it."""
        inner = body.get("response")
        return inner.get("usage") if isinstance(inner, dict) else body.get("usage")

    def read_usage(self, told: Mapping[str, Json]) -> Usage:
        """Read a usage object."""
        return read_usage(told)

    def error(self, status: int, code: str, message: str) -> bytes:
        """An error body as OpenAI writes it."""
        return error_body(status, code, message)

    def error_event(self, code: str, message: str) -> bytes:
        """The `error` event of a stream."""
        event = {"type": "error", "code": code, "message": message, "param": None, "sequence_number": 0}
        return as_sse(event)

    def verify_empty(self, reply: Reply) -> str:
        """
        Complete without content is only what was not to be generated (`generate: false`, the prewarm of a WebSocket).

        The reply shows it: completed, and not one token made, while a model that says nothing has still made some.
        """
        warmed = reply.stop.reason == "end" and reply.usage.output == 0
        return "" if warmed else super().verify_empty(reply)


def is_socket_path(path: str) -> bool:
    """Whether an upgrade on this path opens a WebSocket of Responses."""
    return path.endswith("/responses")


def _offered(body: Mapping[str, Json]) -> list[Json]:
    """The tools of the request, also those that Codex gives as an input item."""
    items = body.get("input")
    places = [body, *(item for item in (items if isinstance(items, list) else ()) if isinstance(item, dict))]
    lists = [place["tools"] for place in places if isinstance(place.get("tools"), list)]
    return [tool for tools in lists for tool in tools]


def _acts(tool: Mapping[str, Json]) -> bool:
    """
    Whether the provider runs a tool that changes or reads state which outlives the request.

    Searches are not meant: what they find is as old as the recording, which its time to live bounds.
    """
    if tool.get("type") == "mcp":
        return True
    return tool.get("type") == "code_interpreter" and isinstance(tool.get("container"), str)


def _said_plainly(text: str) -> tuple[Turn, ...]:
    return (Turn("user", (Text(text),)),)


def _read_input(said: Mapping[str, Json], extra: dict[str, Json]) -> tuple[Turn, ...]:
    given = said.get("input")
    if isinstance(given, str):
        extra["input"] = given
        return _said_plainly(given)
    if given == []:
        extra["input"] = given
    return tuple(read_turn(item) for item in asked.objects(given, "input")) if given is not None else ()


def _write_instructions(system: tuple[Part, ...]) -> str:
    texts = []
    for part in system:
        if not isinstance(part, Text):
            raise Untranslatable("instructions can only be text")
        texts.append(part.text)
    return "\n\n".join(texts)


def _read_tools(said: Mapping[str, Json], extra: dict[str, Json]) -> tuple[Tool, ...]:
    tools = asked.objects(said.get("tools", []), "tools")
    if not tools and "tools" in said:
        extra["tools"] = tools
    return tuple(_read_tool(tool) for tool in tools)


def _read_tool(tool: dict[str, Json]) -> Tool:
    kind = asked.text(tool.get("type"), "type of a tool")
    name = tool.get("name")
    if kind != "function":
        return Tool(name if isinstance(name, str) else kind, extra=tool)
    description, schema = tool.get("description"), tool.get("parameters")
    known = ["type", "name"]
    known += ["description"] if isinstance(description, str) and description else []
    known += ["parameters"] if schema is not None else []
    named = description if "description" in known else ""
    return Tool(asked.text(name, "name of a tool"), str(named), schema, rest(tool, known))


def _write_tool(tool: Tool) -> dict[str, Json]:
    if "type" in tool.extra:
        return dict(tool.extra)
    body: dict[str, Json] = {"type": "function", "name": tool.name}
    if tool.description:
        body["description"] = tool.description
    if tool.schema is not None:
        body["parameters"] = tool.schema
    return {**body, **tool.extra}


def _read_sampling(said: Mapping[str, Json]) -> Sampling:
    for field, name in _SAMPLING.items():
        value = said.get(field)
        if isinstance(value, bool) or not isinstance(value, int | None if name == "max_tokens" else int | float | None):
            raise ClientMistake(f"{field} must be a number")
    return Sampling(said.get("temperature"), said.get("top_p"), max_tokens=said.get("max_output_tokens"))


def _read_format(said: Mapping[str, Json], extra: dict[str, Json]) -> Json:
    text = asked.object(said.get("text", {}), "text")
    wanted = text.get("format")
    others = rest(text, ("format",)) if wanted is not None else text
    if others or ("text" in said and wanted is None):
        extra["text"] = others
    return wanted


def _read_stream(said: Mapping[str, Json], extra: dict[str, Json]) -> bool:
    stream = said.get("stream")
    if stream is not None and stream is not True:
        extra["stream"] = stream
    return stream is True


WIRE: Final = OpenAIResponses()
