"""Replies on their way from a provider of one wire to a client of another."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.prompt import Text, Thinking, ToolCall
from isartor_addon.core.reply import Reply, Stop, Usage
from isartor_addon.wire import WIRES
from isartor_addon.wire.base import Mode, Wire
from isartor_addon.wire.translate import Passage
from isartor_addon.wire.translation.ask import Own
from isartor_addon.wire.translation.replies import FOREIGN, as_told
from tests.wire.test_transcripts import WITHOUT_USAGE, modes_of
from tests.wire.test_transcripts import essence as whole
from tests.wire.transcripts import Transcript, read, transcripts
from tests.wire.translation.carrying import FOUR, STREAMS, carried, counts, essence

ONLY_THEIRS = {
    **dict.fromkeys(("anthropic_messages/compaction_sse", "openai_responses/web_search_json"), "Untranslatable"),
    **dict.fromkeys(("anthropic_messages/pause_json", "anthropic_messages/web_search_sse"), "Untranslatable"),
    **dict.fromkeys(("openai_chat/custom_tool_sse", "openai_responses/tool_chain_1_ws"), "Untranslatable"),
    "openai_responses/empty_output_in_terminal_sse": "Untranslatable",
    "gemini/malformed_call_json": "BadReply",
}
"""Recorded replies that no other wire can say, and how that is told. The custom calls were not offered as functions."""
RECORDED = [case for case in transcripts() if "reply" in case.expect and case.wire.name in FOUR]
SAID = [case for case in RECORDED if case.name not in ONLY_THEIRS]
CLIENTS = (*FOUR, "gemini_internal")
PAIRS = [
    pytest.param(case, WIRES[name], id=f"{case.name}-{name}")
    for case in SAID
    for name in CLIENTS
    if name != case.wire.name
]
STREAMED = [case for case in SAID if case.mode not in ("json", "ws")]


@pytest.mark.parametrize(("case", "client"), PAIRS)
def test_a_client_reads_what_the_provider_said(case: Transcript, client: Wire) -> None:
    """In every mode of the client's wire the words, the calls, the model and the cost are the provider's."""
    said = read(case.wire, case.mode, case.pieces)
    for mode in modes_of(client):
        told = read(client, mode, carried(case.wire, case.mode, client, mode, case.pieces))
        assert essence(said) == essence(told), mode
        if (client.name, mode) not in WITHOUT_USAGE:
            assert counts(said) == counts(told), mode


@pytest.mark.parametrize("case", SAID, ids=lambda case: case.name)
def test_an_ollama_client_reads_the_same(case: Transcript) -> None:
    """Lines and JSON; of the cost only what Ollama counts."""
    said, client = read(case.wire, case.mode, case.pieces), WIRES["ollama"]
    modes: tuple[Mode, ...] = ("json", "ndjson")
    for mode in modes:
        told = read(client, mode, carried(case.wire, case.mode, client, mode, case.pieces))
        assert essence(said) == essence(told), mode
        assert counts(said)[:2] == counts(told)[:2], mode


def test_a_native_client_reads_the_words() -> None:
    """It has a place for nothing else."""
    case = next(case for case in SAID if case.name == "anthropic_messages/thinking_sse")
    told = read(WIRES["native"], "json", carried(case.wire, case.mode, WIRES["native"], "json", case.pieces))
    assert "51." == "".join(part.text for part in told.parts if isinstance(part, Text))


@pytest.mark.parametrize(
    ("case", "error"),
    [pytest.param(case, ONLY_THEIRS[case.name], id=case.name) for case in RECORDED if case.name in ONLY_THEIRS],
)
def test_what_no_other_wire_says_is_refused(case: Transcript, error: str) -> None:
    """Nothing is told that lacks a part."""
    client = WIRES[next(name for name in FOUR if name != case.wire.name)]
    with pytest.raises((BadReply, Untranslatable)) as raised:
        carried(case.wire, case.mode, client, "json", case.pieces)
    assert error == raised.type.__name__


@pytest.mark.parametrize("case", [case for case in RECORDED if case.mode != "json"], ids=lambda case: case.name)
def test_the_same_wire_and_mode_is_carried_verbatim(case: Transcript) -> None:
    """Not a byte is changed, and the cost is known all the same."""
    passage = Passage(case.wire, case.mode, case.wire, case.mode)
    told = [piece for each in case.pieces for piece in passage.feed(each)]
    assert case.content == b"".join([*told, *passage.close()])
    assert passage.done
    assert read(case.wire, case.mode, case.pieces).usage.counts == passage.usage.counts


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case.name)
def test_the_same_wire_in_another_mode_keeps_everything(case: Transcript) -> None:
    """Signatures and content that only this wire knows among it."""
    said = read(case.wire, case.mode, case.pieces)
    for mode in modes_of(case.wire):
        told = read(case.wire, mode, carried(case.wire, case.mode, case.wire, mode, case.pieces))
        usage = not {(case.wire.name, mode), (case.wire.name, case.mode)} & WITHOUT_USAGE
        assert whole(said, usage=usage) == whole(told, usage=usage), mode


@pytest.mark.parametrize(
    ("name", "mode"), [("gemini/tool_sse", "array"), ("gemini/text_sse", "array"), ("openai_responses/text_sse", "ws")]
)
def test_events_in_other_frames_come_as_they_come(name: str, mode: Mode) -> None:
    """An element or a message for each event, at once."""
    case = next(case for case in RECORDED if case.name == name)
    passage = Passage(case.wire, case.mode, case.wire, mode)
    separator = b"\r\n\r\n" if b"\r\n" in case.content else b"\n\n"
    events = [event for event in case.content.split(separator) if event.strip()]
    assert [1] * len(events) == [len(passage.feed(event + separator)) for event in events]
    assert ([b"]"] if mode == "array" else []) == passage.close()
    assert passage.done


@pytest.mark.parametrize("name", ["anthropic_messages/error_sse", "openai_chat/error_in_stream_sse"])
def test_an_error_after_the_first_words_is_the_clients_as_it_is(name: str) -> None:
    """A client of the same wire hears what it would have heard without us; the answer does not count as complete."""
    case = next(case for case in transcripts() if case.name == name)
    begun = case.wire.write("sse", as_told(Reply("id-1", "m", (Text("So"),), Stop("end")), case.wire.name))
    words = next(number for number, piece in enumerate(begun) if b"So" in piece)
    passage = Passage(case.wire, "sse", case.wire, "sse")
    pieces = (*begun[: words + 1], case.wire.error_event("overloaded", "no more"), b"data: rubbish\n\n")
    assert b"".join(pieces) == b"".join(piece for each in pieces for piece in passage.feed(each))
    assert [] == passage.close()
    assert not passage.done


@pytest.mark.parametrize("name", ["openai_chat/two_choices_sse", "openai_chat/logprobs_json"])
def test_what_only_the_bytes_say_is_carried_verbatim(name: str) -> None:
    """Several choices and log-probabilities are for a client of the same wire as they are."""
    case = next(case for case in transcripts() if case.name == name)
    assert case.content == b"".join(carried(case.wire, case.mode, case.wire, case.mode, case.pieces))


@pytest.mark.parametrize("case", STREAMED, ids=lambda case: case.name)
def test_where_the_bytes_are_cut_does_not_matter(case: Transcript) -> None:
    """Cut in two anywhere (long ones at every fifth byte), the client gets the same bytes."""
    client = WIRES[next(name for name in FOUR if name != case.wire.name)]
    mode = STREAMS[client.name][0]
    expected = b"".join(carried(case.wire, case.mode, client, mode, case.pieces))
    content = case.content
    for cut in range(0, len(content), 1 if len(content) < 1500 else 5):
        assert expected == b"".join(carried(case.wire, case.mode, client, mode, (content[:cut], content[cut:]))), cut


@pytest.mark.parametrize("case", STREAMED, ids=lambda case: case.name)
@pytest.mark.parametrize("name", FOUR)
def test_words_are_told_before_the_stream_ends(case: Transcript, name: str) -> None:
    """The first content is on its way to the client when the provider has said it, not at the end."""
    said = read(case.wire, case.mode, case.pieces)
    if name == case.wire.name or not any(isinstance(part, Text) and part.text for part in said.parts):
        return
    passage = Passage(case.wire, case.mode, WIRES[name], STREAMS[name][0])
    events = case.content.split(b"\n\n") if b"\r\n" not in case.content else case.content.split(b"\r\n\r\n")
    ends = b"\n\n" if b"\r\n" not in case.content else b"\r\n\r\n"
    for number, event in enumerate(events):
        told = b"".join(passage.feed(event + ends if number < len(events) - 1 else event))
        if passage.started:
            assert told
            assert not passage.done
            return
    pytest.fail("nothing was ever told")


# Replies that are drawn.

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda text: text.strip() != ""
)
NAMES = st.text("abcdefghij", min_size=1, max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
CALLS = st.builds(
    lambda number, name, value: ToolCall(f"call_{number}", name, _dumps(value)),
    st.integers(0, 99),
    NAMES,
    st.dictionaries(NAMES, JSON, max_size=3),
)
COUNT = st.integers(0, 10**6)
STOPS: tuple[Stop, ...] = (Stop("end"), Stop("length"), Stop("filter"))


def _dumps(value: object) -> str:
    return json.dumps(value)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Reasoning, then words, then calls: the order that every wire can say."""
    calls = draw(st.lists(CALLS, max_size=2, unique_by=lambda call: call.id))
    words = [Text(draw(TEXTS))] if draw(st.booleans()) or not calls else []
    thinking = [Thinking(draw(TEXTS))] if draw(st.booleans()) else []
    output = draw(COUNT)
    usage = Usage(draw(COUNT), output, draw(COUNT), reasoning=draw(st.integers(0, output)))
    stop = Stop("tool") if calls else draw(st.sampled_from(STOPS))
    return Reply("id-1", "model-1", (*thinking, *words, *calls), stop, usage)


def modes(name: str) -> st.SearchStrategy[Mode]:
    return st.sampled_from(("json", *STREAMS[name]))


DRAWN = settings(max_examples=120)


@DRAWN
@given(reply=replies(), data=st.data())
def test_there_and_back_is_the_same_reply(reply: Reply, data: st.DataObject) -> None:
    """A reply of one wire, told on another and told back, in any modes: nothing is lost, the reason of its end is
    kept."""
    one, other = data.draw(st.permutations(FOUR))[:2]
    first, middle, last = data.draw(modes(one)), data.draw(modes(other)), data.draw(modes(one))
    source, client = WIRES[one], WIRES[other]
    said = source.write(first, as_told(reply, one))
    over = carried(source, first, client, middle, said)
    back = read(source, last, carried(client, middle, source, last, over))
    assert essence(reply) == essence(back)
    assert counts(reply) == counts(back)
    assert _reason(reply) == _reason(back)


def _reason(reply: Reply) -> str:
    """Why it stopped; Anthropic has one word for a refusal and for a filter."""
    return "filter" if reply.stop.reason == "refusal" else reply.stop.reason


@DRAWN
@given(reply=replies(), data=st.data())
def test_a_stream_says_what_the_whole_reply_says(reply: Reply, data: st.DataObject) -> None:
    """Told live, and joined by the client, it is the reply that is told as one JSON object."""
    one, other = data.draw(st.permutations(FOUR))[:2]
    mode, target_mode = STREAMS[one][0], data.draw(st.sampled_from(STREAMS[other]))
    source, client, told = WIRES[one], WIRES[other], as_told(reply, one)
    whole = read(client, "json", carried(source, "json", client, "json", source.write("json", told)))
    live = read(client, target_mode, carried(source, mode, client, target_mode, source.write(mode, told)))
    assert essence(whole) == essence(live)
    assert (counts(whole), whole.stop.reason) == (counts(live), live.stop.reason)


ENDS: list[tuple[str, Mode]] = [(name, mode) for name in FOUR for mode in ("json", *STREAMS[name])]


@settings(max_examples=300)
@given(data=st.data(), source=st.sampled_from(ENDS), target=st.sampled_from(ENDS))
def test_garbage_is_a_bad_reply(data: st.DataObject, source: tuple[str, Mode], target: tuple[str, Mode]) -> None:
    """Random bytes, or a reply with bytes of it changed, never raise anything but what the interface names."""
    cases = [case for case in transcripts() if (case.wire.name, case.mode) == source]
    content = data.draw(st.sampled_from(cases)).content if cases else b""
    start, length = data.draw(st.integers(0, len(content))), data.draw(st.integers(0, 60))
    spoilt = content[:start] + data.draw(st.binary(max_size=20)) + content[start + length :]
    passage = Passage(WIRES[source[0]], source[1], WIRES[target[0]], target[1])
    with suppress(BadReply, Untranslatable):
        passage.feed(spoilt[: len(spoilt) // 2])
        passage.feed(spoilt[len(spoilt) // 2 :])
        passage.close()
    assert passage.usage is not None


# Single matters.


@pytest.mark.parametrize("content", [0.5, "text", {"type": "output_text"}])
def test_a_message_whose_content_is_no_list_is_refused(content: object) -> None:
    """A field of a kind that no wire gives it is no fault of ours: another provider is asked."""
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}
    body = {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [item]}
    with pytest.raises((BadReply, Untranslatable)):
        carried(WIRES["openai_responses"], "json", WIRES["openai_chat"], "json", [json.dumps(body).encode()])


@pytest.mark.parametrize(
    "name",
    [case.name for case in transcripts() if case.wire.name in FOUR and case.expect.get("raises") == "BadReply"],
)
def test_errors_and_cut_replies_are_bad(name: str) -> None:
    """Whatever the client's wire, and also where the bytes would have gone on as they are."""
    case = next(case for case in transcripts() if case.name == name)
    for client in FOUR:
        mode = case.mode if client == case.wire.name else STREAMS[client][0]
        with pytest.raises(BadReply):
            carried(case.wire, case.mode, WIRES[client], mode, case.pieces)


def test_a_custom_tools_call_is_free_text_again() -> None:
    """A function's one argument becomes the client's input, with its namespace, whole and live."""
    call = ToolCall("toolu_1", "exec", '{"input": "text(\\"hi\\")"}')
    reply = Reply("msg_1", "claude", (Text("I run it."), call), Stop("tool"), Usage(3, 4))
    source, client = WIRES["anthropic_messages"], WIRES["openai_responses"]
    offered = {"exec": Own("exec", "functions", custom=True)}
    modes: tuple[Mode, ...] = ("json", "sse", "ws")
    for mode in modes:
        told = read(client, mode, carried(source, "sse", client, mode, source.write("sse", reply), offered))
        got = told.parts[-1]
        assert isinstance(got, ToolCall)
        assert ("exec", 'text("hi")', "toolu_1") == (got.name, got.arguments, got.id)
        assert ("custom_tool_call", "functions") == (got.extra["type"], got.extra["namespace"])


def test_a_namespaced_function_comes_back_into_its_namespace() -> None:
    """Its arguments are told live."""
    call = ToolCall("toolu_1", "sleep", '{"ms":1}')
    reply = Reply("msg_1", "claude", (call,), Stop("tool"), Usage(3, 4))
    source, client = WIRES["anthropic_messages"], WIRES["openai_responses"]
    offered = {"sleep": Own("sleep", "clock")}
    told = read(client, "sse", carried(source, "sse", client, "sse", source.write("sse", reply), offered))
    got = told.parts[-1]
    assert isinstance(got, ToolCall)
    assert ("sleep", '{"ms":1}', "clock") == (got.name, got.arguments, got.extra["namespace"])


def test_calls_whose_arguments_mingle_reach_an_anthropic_client_one_by_one() -> None:
    """Blocks stand one after the other; what waits is announced by pings."""

    def chunk(index: int, arguments: str, **more: str) -> bytes:
        call = {
            "index": index,
            **more,
            "function": {"name": f"t{index}", "arguments": arguments} if more else {"arguments": arguments},
        }
        return (
            b"data: "
            + json.dumps({"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}).encode()
            + b"\n\n"
        )

    end = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n'
    pieces = (chunk(0, '{"a":', id="x"), chunk(1, '{"b":', id="y"), chunk(0, "1}"), chunk(1, "2}"), end)
    told = carried(WIRES["openai_chat"], "sse", WIRES["anthropic_messages"], "sse", pieces)
    calls = [part for part in read(WIRES["anthropic_messages"], "sse", told).parts if isinstance(part, ToolCall)]
    assert [("x", '{"a":1}'), ("y", '{"b":2}')] == [(call.id, call.arguments) for call in calls]
    starts = [piece for piece in told if b"content_block_start" in piece or b"content_block_stop" in piece]
    assert [b"start", b"stop", b"start", b"stop"] == [b"start" if b"_start" in piece else b"stop" for piece in starts]
    assert any(b"ping" in piece for piece in told)


def test_foreign_reasoning_is_marked_for_an_anthropic_client() -> None:
    """By its signature it is known when it comes back."""
    case = next(case for case in transcripts() if case.name == "openai_chat/reasoning_deepseek_sse")
    told = read(
        WIRES["anthropic_messages"],
        "sse",
        carried(case.wire, case.mode, WIRES["anthropic_messages"], "sse", case.pieces),
    )
    assert FOREIGN == next(part.signature for part in told.parts if isinstance(part, Thinking))


def test_calls_without_ids_get_some() -> None:
    """Gemini gives none; a client that must name the call gets the same id from JSON and from the stream."""
    reply = Reply("resp-1", "gemini", (ToolCall("", "ls", '{"dir":"."}'),), Stop("tool"), Usage(3, 4))
    source, client = WIRES["gemini"], WIRES["openai_chat"]
    ids = [
        part.id
        for mode in ("json", "sse")
        for part in read(client, "json", carried(source, mode, client, "json", source.write(mode, reply))).parts  # type: ignore[arg-type]
        if isinstance(part, ToolCall)
    ]
    assert ids[0].startswith("call_")
    assert ids[0] == ids[1]
