"""Ollama's `/api/chat` and `/api/generate`.

A generate request is one user turn; `Prompt.extra` keeps its `prompt` as an empty text, which tells it from a chat, as
`Reply.extra` keeps `response` for a generate reply. Options are mirrored in `Sampling` and stay in `extra["options"]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, cast

import orjson

from isartor_addon.core.canonical import Shape
from isartor_addon.core.errors import BadReply, ClientMistake, Untranslatable
from isartor_addon.core.prompt import (
    Image,
    Json,
    Opaque,
    Part,
    Prompt,
    Role,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from isartor_addon.core.reply import (
    Delta,
    Finished,
    PartGrew,
    PartStarted,
    Reply,
    Started,
    Stop,
    StopReason,
    Usage,
    join,
)
from isartor_addon.wire import base
from isartor_addon.wire.fields import arguments_object, arguments_text, asked, count, loads_object, rest, said
from isartor_addon.wire.lines import Lines

_NAME: Final = "ollama"
_ROLES: Final = frozenset({"system", "user", "assistant", "tool"})
_OPTIONS: Final = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "max_tokens": "num_predict",
}
_WHOLE: Final = frozenset({"top_k", "seed", "max_tokens"})
_STOPS: Final[Mapping[str, StopReason]] = {
    "stop": "end",
    "length": "length",
    "load": "other",
    "unload": "other",
}
_TOP: Final = (
    "model",
    "message",
    "response",
    "thinking",
    "done",
    "done_reason",
    "prompt_eval_count",
    "eval_count",
    "logprobs",
)
_THINKING, _CONTENT, _CALLS = 0, 1, 2
_NO_TIME: Final = "1970-01-01T00:00:00Z"


class Ollama(base.Wire):
    """`POST /api/chat` and `/api/generate`."""

    name: ClassVar[str] = _NAME
    # `keep_alive` says how long the model stays in memory after the answer; it does not change the answer.
    shape: ClassVar[Shape] = Shape(turns="messages", system="system", mode=frozenset({"stream", "keep_alive"}))
    terminal: ClassVar[Mapping[str, tuple[bytes, ...]]] = {"ndjson": (b'"done":true', b'"done": true')}

    def route(self, method: str, host: str, path: str, query: Mapping[str, str]) -> base.Route | None:
        """See `Wire.route`."""
        if method != "POST" or path not in ("/api/chat", "/api/generate"):
            return None
        return base.Route(self, "generate", path)

    def claims(self, body: Mapping[str, Json]) -> bool:
        """Whether the body names a model, as each of Ollama's does. `native` is asked before."""
        return isinstance(body.get("model"), str)

    def mode(self, route: base.Route, body: Mapping[str, Json]) -> base.Mode:
        """See `Wire.mode`. Ollama streams unless told not to."""
        return "json" if body.get("stream") is False else "ndjson"

    def uncacheable(self, route: base.Route, body: Mapping[str, Json]) -> str:
        """A request that says nothing loads or unloads the model."""
        return "" if body.get("messages") or body.get("prompt") else "it only loads or unloads a model"

    def parse(self, route: base.Route, body: Mapping[str, Json]) -> Prompt:
        """Read a request."""
        extra = rest(body, ("messages", "prompt", "images"))
        if isinstance(body.get("model"), str):
            del extra["model"]
        system: tuple[Part, ...] = ()
        if "prompt" in body:
            words = _filled(extra, "system")
            system = (Text(words),) if words else ()
        turns = _generate(body, extra) if "prompt" in body else _chat(body, extra)
        tools = tuple(_tool(tool) for tool in asked.objects(extra.pop("tools"), "tools")) if extra.get("tools") else ()
        return Prompt(
            model=self.model(route, body),
            turns=turns,
            system=system,
            tools=tools,
            sampling=_sampling(extra.get("options")),
            response_format=extra.pop("format") if extra.get("format") is not None else None,
            stream=self.mode(route, body) == "ndjson",
            extra=extra,
        )

    def render(self, prompt: Prompt) -> dict[str, Json]:
        """Write a request body."""
        return _render(prompt)

    def read_reply(self, body: Json) -> Reply:
        """Read a whole JSON reply."""
        reading = _Reading()
        deltas = reading.line(said.object(body, "the reply"))
        if not reading.done:
            raise BadReply("the reply is not done")
        return join([*deltas, *reading.end()])

    def write_reply(self, reply: Reply) -> Json:
        """Write a whole JSON reply; a generate reply where it was one."""
        text, thinking, calls = _said(reply)
        return _line(reply, text=text, thinking=thinking, calls=calls) | _closing(reply)

    def decoder(self, mode: base.Mode) -> base.Decoder:
        """A new reader for one stream."""
        if mode != "ndjson":
            raise Untranslatable(f"{self.name} does not stream as {mode}")
        return _Decoder()

    def encode(self, reply: Reply, mode: base.Mode) -> tuple[bytes, ...]:
        """Write a reply as a stream."""
        if mode != "ndjson":
            raise Untranslatable(f"{self.name} does not stream as {mode}")
        text, thinking, calls = _said(reply)
        lines = [_line(reply, thinking=thinking)] if thinking else []
        lines += [_line(reply, text=text)] if text else []
        lines += [_line(reply, calls=[call]) for call in calls]
        lines.append(_line(reply) | _closing(reply))
        return tuple(orjson.dumps(line) + b"\n" for line in lines)

    def error(self, status: int, code: str, message: str) -> bytes:
        """An error body."""
        return orjson.dumps({"error": message})

    def error_event(self, code: str, message: str) -> bytes:
        """An error inside a stream: a line of its own."""
        return self.error(500, code, message) + b"\n"


def _images(body: Mapping[str, Json], extra: dict[str, Json], *, where: str) -> tuple[Part, ...]:
    images = body.get("images")
    if images:
        return tuple(Image(data=asked.text(each, where)) for each in asked.items(images, where))
    if "images" in body:
        extra["images"] = images
    return ()


def _generate(body: Mapping[str, Json], extra: dict[str, Json]) -> tuple[Turn, ...]:
    extra["prompt"] = ""
    if "messages" in body:
        raise ClientMistake("prompt and messages cannot both be given")
    return (Turn("user", (Text(asked.text(body["prompt"], "prompt")), *_images(body, extra, where="images"))),)


def _chat(body: Mapping[str, Json], extra: dict[str, Json]) -> tuple[Turn, ...]:
    if "images" in body:
        extra["images"] = body["images"]
    if not body.get("messages"):
        if "messages" in body:
            extra["messages"] = body["messages"]
        return ()
    messages = asked.objects(body["messages"], "messages")
    return tuple(_turn(message, f"messages[{number}]") for number, message in enumerate(messages))


def _turn(message: dict[str, Json], where: str) -> Turn:
    role = asked.text(message.get("role"), f"{where}.role")
    if role not in _ROLES:
        raise ClientMistake(f"{where}.role is none of {', '.join(sorted(_ROLES))}")
    extra = rest(message, ("role", "content", "images"))
    parts: tuple[Part, ...] = ()
    if message.get("content") is not None:
        parts = (Text(asked.text(message["content"], f"{where}.content")),)
    elif "content" in message:
        extra["content"] = None
    parts += _images(message, extra, where=f"{where}.images")
    if role == "tool":
        name, call_id = (_filled(extra, each) for each in ("tool_name", "tool_call_id"))
        return Turn("tool", (ToolResult(call_id, parts, name),), extra)
    thinking = _filled(extra, "thinking")
    if thinking:
        parts = (Thinking(thinking), *parts)
    if extra.get("tool_calls"):
        parts += tuple(_call(call) for call in asked.objects(extra.pop("tool_calls"), f"{where}.tool_calls"))
    return Turn(cast(Role, role), parts, extra)


def _filled(extra: dict[str, Json], name: str) -> str:
    value = extra.get(name)
    if not isinstance(value, str) or not value:
        return ""
    del extra[name]
    return value


def _call(call: dict[str, Json]) -> ToolCall | Opaque:
    function = call.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return Opaque(_NAME, call)
    if (
        not isinstance(function.get("arguments"), dict)
        or not isinstance(call.get("id", "-"), str)
        or call.get("id") == ""
    ):
        return Opaque(_NAME, call)
    extra = rest(call, ("id", "function"))
    inner = rest(function, ("name", "arguments"))
    if inner:
        extra["function"] = inner
    return ToolCall(call.get("id", ""), function["name"], arguments_text(function["arguments"]), extra)


def _write_call(call: ToolCall) -> dict[str, Json]:
    inner = call.extra.get("function")
    function = {**(inner if isinstance(inner, dict) else {}), "name": call.name}
    function["arguments"] = arguments_object(call.arguments)
    written: dict[str, Json] = {**rest(call.extra, ("function", "type")), "function": function}
    if "type" in call.extra:
        if call.extra["type"] == "custom":
            raise Untranslatable("a custom tool's call")
        written["type"] = call.extra["type"]
    return {"id": call.id, **written} if call.id else written


def _tool(tool: dict[str, Json]) -> Tool:
    function = tool.get("function")
    if tool.get("type") != "function" or len(tool) != 2 or not isinstance(function, dict):
        return Tool("", extra=tool)
    if not isinstance(function.get("name"), str) or not function["name"] or "type" in function:
        return Tool("", extra=tool)
    extra = rest(function, ("name",))
    description = _filled(extra, "description")
    schema = extra.pop("parameters") if isinstance(extra.get("parameters"), dict) else None
    return Tool(function["name"], description, schema, extra)


def _write_tool(tool: Tool) -> dict[str, Json]:
    if not tool.name:
        return dict(tool.extra)
    if "type" in tool.extra:
        raise Untranslatable(f"a tool of type {tool.extra['type']}")
    function: dict[str, Json] = {"name": tool.name, **tool.extra}
    if tool.description:
        function["description"] = tool.description
    if tool.schema is not None:
        function["parameters"] = tool.schema
    return {"type": "function", "function": function}


def _sampling(options: Json) -> Sampling:
    if options is None:
        return Sampling()
    given = asked.object(options, "options")
    numbers: dict[str, Any] = {}
    for name, word in _OPTIONS.items():
        if given.get(word) is not None:
            read = asked.integer if name in _WHOLE else asked.number
            numbers[name] = read(given[word], f"options.{word}")
    stop = given.get("stop")
    if stop:
        stops = [stop] if isinstance(stop, str) else asked.items(stop, "options.stop")
        numbers["stop"] = tuple(asked.text(each, "options.stop") for each in stops)
    return Sampling(**numbers)


def _render(prompt: Prompt) -> dict[str, Json]:
    if prompt.tool_choice not in (None, "auto"):
        raise Untranslatable("Ollama lets the model choose its tools")
    body = dict(prompt.extra)
    if prompt.model:
        body["model"] = prompt.model
    if "prompt" in body:
        body |= _write_generate(prompt)
    elif prompt.turns or prompt.system:
        system = [Turn("system", prompt.system)] if prompt.system else []
        body["messages"] = [message for turn in (*system, *prompt.turns) for message in _write_turn(turn)]
    if prompt.tools:
        body["tools"] = [_write_tool(tool) for tool in prompt.tools]
    if prompt.response_format is not None:
        body["format"] = prompt.response_format
    if prompt.stream is (body.get("stream") is False):
        body["stream"] = prompt.stream
    options = _write_options(prompt.sampling, body.get("options") or {})
    return {**body, "options": options} if options else body


def _write_options(sampling: Sampling, given: Mapping[str, Json]) -> dict[str, Json]:
    said_options = {word: getattr(sampling, name) for name, word in _OPTIONS.items()}
    options = dict(given) | {word: value for word, value in said_options.items() if value is not None}
    if sampling.stop and (options.get("stop"),) != sampling.stop:
        options["stop"] = list(sampling.stop)
    return options


def _write_generate(prompt: Prompt) -> dict[str, Json]:
    if len(prompt.turns) != 1 or not all(isinstance(part, Text) for part in prompt.system):
        raise Untranslatable("a generate request is one prompt")
    (message,) = _write_turn(prompt.turns[0])
    written = {"prompt": message.get("content", "")} | {name: message[name] for name in ("images",) if name in message}
    system = "".join(part.text for part in prompt.system if isinstance(part, Text))
    return {**written, "system": system} if system else written


def _write_turn(turn: Turn) -> Iterable[dict[str, Json]]:
    """The messages of one turn: other wires keep several tool results, and words beside them, in one."""
    others = tuple(part for part in turn.parts if not isinstance(part, ToolResult))
    for result in turn.parts:
        if isinstance(result, ToolResult):
            message = {"role": "tool", **(turn.extra if len(turn.parts) == 1 else {}), **_write_parts(result.parts)}
            message |= {"tool_name": result.name} if result.name else {}
            yield message | ({"tool_call_id": result.call_id} if result.call_id else {})
    if others or not turn.parts:
        role = {"developer": "system", "tool": "user"}.get(turn.role, turn.role)
        yield {"role": role, **turn.extra, **_write_parts(others)}


def _write_parts(parts: tuple[Part, ...]) -> dict[str, Json]:
    texts: list[str] = []
    written: dict[str, Json] = {}
    for part in parts:
        match part:
            case Text():
                texts.append(part.text)
            case Image() if part.data:
                written.setdefault("images", []).append(part.data)
            case Thinking() if not part.signature:
                written["thinking"] = written.get("thinking", "") + part.text
            case ToolCall():
                written.setdefault("tool_calls", []).append(_write_call(part))
            case Opaque() if part.wire == _NAME:
                written.setdefault("tool_calls", []).append(part.value)
            case _:
                raise Untranslatable(f"{_NAME} cannot say a {type(part).__name__} here")
    return {**written, "content": "\n\n".join(texts)} if texts else written


def _said(reply: Reply) -> tuple[str, str, list[Json]]:
    written = _write_parts(reply.parts)
    if "images" in written:
        raise Untranslatable("an image in a reply")
    if "response" in reply.extra and "tool_calls" in written:
        raise Untranslatable("a generate reply has no tool calls")
    return written.get("content", ""), written.get("thinking", ""), written.get("tool_calls", [])


def _line(reply: Reply, *, text: str = "", thinking: str = "", calls: Iterable[Json] = ()) -> dict[str, Json]:
    head = {"model": reply.model, "created_at": reply.extra.get("created_at", _NO_TIME)}
    thoughts = {"thinking": thinking} if thinking else {}
    if "response" in reply.extra:
        return {**head, "response": text, **thoughts, "done": False}
    message: dict[str, Json] = {"role": "assistant", "content": text, **thoughts}
    listed = list(calls)
    return {**head, "message": {**message, "tool_calls": listed} if listed else message, "done": False}


def _closing(reply: Reply) -> dict[str, Json]:
    counts = {"prompt_eval_count": reply.usage.input, "eval_count": reply.usage.output}
    reason = reply.stop.raw if reply.stop.raw in _STOPS else "length" if reply.stop.reason == "length" else "stop"
    return {
        "done": True,
        "done_reason": reason,
        **rest(reply.extra, ("response", "created_at", *_TOP)),
        **{name: value for name, value in counts.items() if value is not None},
    }


class _Reading:
    """Makes deltas of Ollama's objects, the one of a whole reply or the lines of a stream."""

    def __init__(self) -> None:
        self.done = False
        self.cannot = ""
        self._started = False
        self._begun: set[int] = set()
        self._calls = 0
        self._finished: Finished | None = None

    def line(self, line: dict[str, Json]) -> list[Delta]:
        if "error" in line:
            raise BadReply(f"the provider reports an error: {str(line['error'])[:200]}")
        deltas: list[Delta] = []
        if not self._started:
            self._started = True
            model = line.get("model")
            deltas.append(Started(id="", model=model if isinstance(model, str) else ""))
        if line.get("logprobs"):
            self.cannot = "log-probabilities"
        generate = "message" not in line
        message = line if generate else said.object(line["message"], "message")
        text = said.text(message.get("response" if generate else "content") or "", "content")
        thinking = said.text(message.get("thinking") or "", "thinking")
        self._grow(_THINKING, Thinking(""), text=thinking, deltas=deltas)
        self._grow(_CONTENT, Text(""), text=text, deltas=deltas)
        if not generate:
            self._rest(message, deltas)
        if line.get("done") is True:
            self._finish(line, generate="response" in line)
        return deltas

    def end(self) -> list[Delta]:
        """What stands at the end of a complete answer."""
        if self._finished is None:
            raise BadReply("the stream ended before the answer was complete")
        if self.cannot:
            raise Untranslatable(self.cannot)
        return [self._finished]

    def _rest(self, message: dict[str, Json], deltas: list[Delta]) -> None:
        for call in said.objects(message.get("tool_calls") or [], "tool_calls"):
            read = _call(call)
            if isinstance(read, ToolCall):
                deltas.append(PartStarted(_CALLS + self._calls, read))
                self._calls += 1
            else:
                self.cannot = "a tool call of another shape"
        known = ("role", "content", "thinking", "tool_calls")
        if any(value for name, value in message.items() if name not in known):
            self.cannot = "fields of a message that are unknown here"

    def _grow(self, slot: int, part: Part, *, text: str, deltas: list[Delta]) -> None:
        if not text:
            return
        if slot not in self._begun:
            self._begun.add(slot)
            deltas.append(PartStarted(slot, part))
        deltas.append(PartGrew(slot, text))

    def _finish(self, line: dict[str, Json], *, generate: bool) -> None:
        self.done = True
        raw = line.get("done_reason")
        raw = raw if isinstance(raw, str) else ""
        reason: StopReason = (
            "tool" if self._calls and raw in ("", "stop") else _STOPS.get(raw, "end" if not raw else "other")
        )
        extra = rest(line, _TOP) | ({"response": ""} if generate else {})
        usage = Usage(input=count(line.get("prompt_eval_count")), output=count(line.get("eval_count")))
        self._finished = Finished(Stop(reason, raw=raw), usage, extra)


class _Decoder:
    """Reads one stream. What a Reply cannot say is told by `close`, after the stream was found complete."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._reading = _Reading()

    @property
    def done(self) -> bool:
        """Whether the line with `done: true` has been read."""
        return self._reading.done

    def feed(self, data: bytes) -> list[Delta]:
        """Take the next bytes; see `wire.base.Decoder`."""
        return self._read(self._lines.feed(data))

    def close(self) -> list[Delta]:
        """The bytes have ended; the last line may lack its end."""
        deltas = [] if self._reading.done else self._read(self._lines.finish())
        if not self._reading.done:
            raise BadReply("the stream ended before the answer was complete")
        if self._reading.cannot:
            raise Untranslatable(self._reading.cannot)
        return deltas

    def _read(self, lines: list[bytes]) -> list[Delta]:
        deltas: list[Delta] = []
        for line in lines:
            if self._reading.done or not line.strip():
                continue
            deltas += self._reading.line(loads_object(line))
            if self._reading.done and not self._reading.cannot:
                deltas += self._reading.end()
        return deltas


WIRE: Final = Ollama()
