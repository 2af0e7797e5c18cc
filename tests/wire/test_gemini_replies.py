"""Gemini: replies, streams and errors. The golden transcripts are run by `test_transcripts.py`."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Opaque, Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Reply, Stop, Usage
from isartor_addon.wire.base import Mode
from isartor_addon.wire.gemini import INTERNAL, WIRE, Gemini
from tests.wire.drawn import anything, names, objects, scalars, shaped, texts
from tests.wire.gemini_bodies import ROUTE, parts

GOLDEN = Path(__file__).parent.parent / "transcripts"
RECORDED: list[tuple[Gemini, Mode, Path]] = [
    (wire, mode, path)
    for wire in (WIRE, INTERNAL)
    for mode in ("json", "sse", "array")
    for path in sorted((GOLDEN / wire.name).glob(f"*/response.{mode}"))
]

words = st.text('ab "\\\n[]{},\u00e9\u2028\U0001f44b', min_size=1, max_size=600)
signed = st.just({}) | st.just({"thoughtSignature": "S"})


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    kinds = st.one_of(
        st.builds(Text, words, signed),
        st.builds(Thinking, words, st.just("") | st.just("S")),
        st.builds(ToolCall, st.just("") | names, names, objects.map(lambda args: orjson.dumps(args).decode()), signed),
        st.just(Opaque("gemini", {"executableCode": {"language": "PYTHON", "code": "1"}})),
    )
    drawn: list[Part] = []
    for part in draw(st.lists(kinds, max_size=5)):
        # A text after an unsigned text is more of it: no stream can tell the two apart.
        unsigned = drawn and isinstance(drawn[-1], Text | Thinking) and not drawn[-1].extra and drawn[-1] != part
        if unsigned and type(drawn[-1]) is type(part) and not getattr(drawn[-1], "signature", ""):
            continue
        if drawn and drawn[-1] == part:
            continue
        drawn.append(part)
    usage = draw(
        shaped({"promptTokenCount": st.integers(0, 9)}, {"thoughtsTokenCount": st.integers(0, 9), "x": anything})
    )
    fields = {"finishReason": draw(st.sampled_from(["STOP", "MAX_TOKENS", "SAFETY", "OTHER", "BRAND_NEW"]))}
    fields |= draw(shaped({}, {"index": st.just(0), "groundingMetadata": objects, "citationMetadata": objects}))
    body = {
        "candidates": [fields],
        "usageMetadata": usage,
        **draw(shaped({}, {"responseId": names, "createTime": texts})),
    }
    reply = WIRE.read_reply(body)
    calls = any(isinstance(part, ToolCall) for part in drawn)
    stop = replace(reply.stop, reason="tool") if calls and reply.stop.reason == "end" else reply.stop
    return replace(reply, parts=tuple(drawn), stop=stop)


@given(reply=replies(), beside=st.just({}) | st.just({"traceId": "t"}))
def test_a_reply_written_in_any_mode_is_the_same(reply: Reply, beside: dict[str, Any]) -> None:
    """Writing and reading give the very same reply: whole, as events, as an array, and inside the envelope."""
    enveloped = replace(reply, extra={**reply.extra, "response": beside}) if beside else reply
    for mode in ("json", "sse", "array"):
        assert reply == WIRE.read(mode, b"".join(WIRE.write(mode, reply)))
        assert enveloped == INTERNAL.read(mode, b"".join(INTERNAL.write(mode, enveloped)))


@pytest.mark.parametrize("part", [Text("ab \u00e9" * 300, {"thoughtSignature": "S"}), Thinking("ab \u00e9" * 300, "S")])
def test_long_texts_are_split_and_signed_at_their_end(part: Text | Thinking) -> None:
    """A text comes in several chunks, and what belongs to the whole of it in the last."""
    reply = Reply("r", "m", (part,), Stop("end", "STOP"))
    chunks = [orjson.loads(event[6:])["candidates"][0] for event in WIRE.encode(reply, "sse")]
    pieces = [chunk["content"]["parts"][0] for chunk in chunks]
    assert part.text == "".join(piece["text"] for piece in pieces)
    assert [False] * (len(pieces) - 1) + [True] == ["thoughtSignature" in piece for piece in pieces]
    assert [False] * (len(pieces) - 1) + [True] == ["finishReason" in chunk for chunk in chunks]
    assert len(pieces) > 1
    assert reply.parts == WIRE.read("sse", b"".join(WIRE.encode(reply, "sse"))).parts


def test_a_call_without_arguments_has_an_empty_object() -> None:
    """Arguments of a reply are always JSON."""
    reply = WIRE.read_reply(
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "now"}}]}, "finishReason": "STOP"}]}
    )
    assert (ToolCall("", "now", "{}"),) == reply.parts


def test_a_function_call_in_pieces_is_kept_verbatim_only() -> None:
    """Arguments that grow over chunks (Vertex) are not translated, and the finished stream is worth keeping."""
    pieces = [{"functionCall": {"name": "f", "partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}]}}]
    chunk = {"candidates": [{"content": {"parts": pieces}}]}
    end = {"candidates": [{"finishReason": "STOP"}]}
    content = b"".join(b"data: " + orjson.dumps(each) + b"\n\n" for each in (chunk, end))
    with pytest.raises(Untranslatable):
        WIRE.read("sse", content)
    assert "" == WIRE.examine("generate", "sse", content).reason
    with pytest.raises(BadReply):
        WIRE.examine("generate", "sse", b"data: " + orjson.dumps(chunk) + b"\n\n")


def test_a_reply_of_another_provider_is_written_in_this_wires_words() -> None:
    """Stop and usage are said as Gemini says them."""
    foreign = Reply(
        "r", "m", (ToolCall("i", "n", ""),), Stop("tool", "tool_calls"), Usage(input=1, output=2, extra={"x": 1})
    )
    expected = {
        "candidates": [
            {
                "content": {"parts": [{"functionCall": {"id": "i", "name": "n"}}], "role": "model"},
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
        "modelVersion": "m",
        "responseId": "r",
    }
    assert expected == WIRE.write_reply(foreign)


# ---------------------------------------------------------------- bad input


@settings(max_examples=200)
@given(data=st.data())
def test_mutated_replies_raise_nothing_else(data: st.DataObject) -> None:
    """Whatever the bytes are: a reply, `BadReply` or `Untranslatable`; the same for `verify`."""
    wire, mode, path = data.draw(st.sampled_from(RECORDED))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 30))] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"null", b"0", b"[]", b"{}", b'"x"', b"\n\n", b"]", b"}", b'"'])
        )
    with contextlib.suppress(BadReply, Untranslatable):
        wire.read(mode, bytes(content))
    with contextlib.suppress(BadReply):
        wire.examine("generate", mode, bytes(content))


@given(content=st.binary(max_size=200))
def test_random_bytes_are_no_reply(content: bytes) -> None:
    """Noise is a bad reply in every mode."""
    for mode in ("json", "sse", "array"):
        with pytest.raises(BadReply):
            WIRE.read(mode, content)


candidates = shaped(
    {"content": shaped({"parts": st.lists(parts) | anything}) | anything, "finishReason": scalars}, {"index": scalars}
)


@given(body=anything | shaped({"candidates": st.lists(candidates, max_size=2) | anything}, {"usageMetadata": anything}))
def test_any_json_is_a_reply_or_none(body: Any) -> None:
    """A whole reply of any types gives a reply, `BadReply` or `Untranslatable`."""
    for wire in (WIRE, INTERNAL):
        with contextlib.suppress(BadReply, Untranslatable):
            reply = wire.read_reply({"response": body} if wire is INTERNAL else body)
            assert reply.stop.raw


def test_deep_nesting_is_carried_untouched() -> None:
    """As deep as the JSON reader goes, nothing breaks and nothing is lost."""
    deep = orjson.loads(b'{"a":' * 900 + b"1" + b"}" * 900)
    body = {"contents": [{"parts": [{"functionCall": {"name": "f", "args": deep}}, {"x": deep}]}]}
    assert body == WIRE.render(WIRE.parse(ROUTE, body))
    reply = WIRE.read_reply(
        {"candidates": [{**body["contents"][0], "content": body["contents"][0], "finishReason": "STOP"}]}
    )
    for mode in ("json", "sse", "array"):
        with pytest.raises(Untranslatable):
            WIRE.write(mode, reply)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (413, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
def test_errors_have_the_words_of_their_status(status: int, expected: str) -> None:
    """Code, word and reason as Google writes them."""
    error = orjson.loads(WIRE.error(status, "isartor_x", "no"))["error"]
    reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ISARTOR_X", "domain": "isartor"}
    assert {"code": status, "message": "no", "status": expected, "details": [reason]} == error


def test_an_error_in_a_stream_ends_it() -> None:
    """The error event is one that this wire itself reads as an error."""
    with pytest.raises(BadReply, match="no"):
        WIRE.decoder("sse").feed(WIRE.error_event("isartor_x", "no"))
