"""Replies of Ollama, whole and streamed: `wire/ollama.py` says what stands where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Json, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Delta, Finished, PartGrew, PartStarted, Reply, Started, Stop, StopReason, Usage
from isartor_addon.wire.fields import count, loads_object, rest, said
from isartor_addon.wire.lines import Lines
from isartor_addon.wire.ollama_request import read_call, write_parts

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


def said_of(reply: Reply) -> tuple[str, str, list[Json]]:
    """The words of a reply, its reasoning, and its tool calls."""
    written = write_parts(reply.parts)
    if "images" in written:
        raise Untranslatable("an image in a reply")
    if "response" in reply.extra and "tool_calls" in written:
        raise Untranslatable("a generate reply has no tool calls")
    # The parts of one answer are one text; those of a request's message are told apart.
    text = "".join(part.text for part in reply.parts if isinstance(part, Text))
    return text, written.get("thinking", ""), written.get("tool_calls", [])


def line(reply: Reply, *, text: str = "", thinking: str = "", calls: Iterable[Json] = ()) -> dict[str, Json]:
    """One object of a stream, or the beginning of a whole reply."""
    head = {"model": reply.model, "created_at": reply.extra.get("created_at", _NO_TIME)}
    thoughts = {"thinking": thinking} if thinking else {}
    if "response" in reply.extra:
        return {**head, "response": text, **thoughts, "done": False}
    message: dict[str, Json] = {"role": "assistant", "content": text, **thoughts}
    listed = list(calls)
    return {**head, "message": {**message, "tool_calls": listed} if listed else message, "done": False}


def closing(reply: Reply) -> dict[str, Json]:
    """What the last object of a reply says besides."""
    counts = {"prompt_eval_count": reply.usage.prompt, "eval_count": reply.usage.output}
    reason = reply.stop.raw if reply.stop.raw in _STOPS else "length" if reply.stop.reason == "length" else "stop"
    return {
        "done": True,
        "done_reason": reason,
        **rest(reply.extra, ("response", "created_at", *_TOP)),
        **{name: value for name, value in counts.items() if value is not None},
    }


def read_usage(line: Mapping[str, Json]) -> Usage:
    """Read the counts, which stand in the last object itself."""
    return Usage(input=count(line.get("prompt_eval_count")), output=count(line.get("eval_count")))


class Reading:
    """Makes deltas of Ollama's objects, the one of a whole reply or the lines of a stream."""

    def __init__(self) -> None:
        self.done = False
        self.cannot = ""
        self._started = False
        self._begun: set[int] = set()
        self._calls = 0
        self._finished: Finished | None = None

    def line(self, line: dict[str, Json]) -> list[Delta]:
        """Read one object."""
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
            read = read_call(call)
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
        usage = read_usage(line)
        self._finished = Finished(Stop(reason, raw=raw), usage, extra)


class LineDecoder:
    """Reads one stream. What a Reply cannot say is told by `close`, after the stream was found complete."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._reading = Reading()

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
