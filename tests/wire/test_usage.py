"""Usage: every wire's counts in one form, in which no token is counted twice."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon import wire
from isartor_addon.core.prompt import Text
from isartor_addon.core.reply import Reply, Stop, Usage, tier_of, total, without
from isartor_addon.wire.base import Wire
from isartor_addon.wire.openai_chat_reply import read_usage as chat_usage
from isartor_addon.wire.openai_responses_reply import read_usage as responses_usage
from isartor_addon.wire.translate import Passage
from isartor_addon.wire.usage import said_something, usage_so_far
from tests.wire.transcripts import Transcript, transcripts

ANTHROPIC, CHAT, RESPONSES, GEMINI = (
    wire.anthropic_messages.WIRE,
    wire.openai_chat.WIRE,
    wire.openai_responses.WIRE,
    wire.gemini.WIRE,
)


def reply_of(usage: Usage) -> Reply:
    """A reply that took so much."""
    return Reply("r", "m", (Text("hi"),), Stop("end"), usage)


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 4}, Usage(input=9, output=4)),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 30,
                "total_tokens": 130,
                "prompt_tokens_details": {"cached_tokens": 64},
                "completion_tokens_details": {"reasoning_tokens": 20},
            },
            Usage(input=36, cache_read=64, output=30, reasoning=20),
        ),
        (  # DeepSeek
            {"prompt_tokens": 12, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 4, "completion_tokens": 3},
            Usage(input=4, cache_read=8, output=3),
        ),
        (  # OpenRouter, for a provider that bills cache writes
            {"prompt_tokens": 50, "completion_tokens": 3, "prompt_tokens_details": {"cache_write_tokens": 40}},
            Usage(input=10, cache_write=40, output=3),
        ),
        (  # xAI: the reasoning stands beside the completion
            {
                "prompt_tokens": 32,
                "completion_tokens": 9,
                "total_tokens": 135,
                "completion_tokens_details": {"reasoning_tokens": 94},
            },
            Usage(input=32, output=103, reasoning=94),
        ),
        ({"prompt_tokens": "many", "completion_tokens": True}, Usage()),
    ],
)
def test_openai_chat_counts_the_cache_in_its_prompt(told: dict[str, Any], usage: Usage) -> None:
    """What was read from or written into the cache is taken out of the prompt; reasoning is part of the output."""
    assert usage == chat_usage(told).counts


def test_responses_count_the_cache_in_their_input() -> None:
    """As chat, with other names."""
    told = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 16},
        "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 20},
    }
    assert Usage(20, 30, cache_read=64, cache_write=16, reasoning=20) == responses_usage(told).counts


def test_anthropic_counts_the_cache_beside_its_input() -> None:
    """Nothing is taken out; what is written for an hour is told apart."""
    told = {
        "input_tokens": 7,
        "cache_read_input_tokens": 1000,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
        "output_tokens": 5,
    }
    body = {**ANTHROPIC.write_reply(reply_of(Usage())), "usage": told}
    usage = ANTHROPIC.read_reply(body).usage
    assert Usage(7, 5, cache_read=1000, cache_write=300, cache_write_1h=200) == usage.counts
    assert 1307 == usage.prompt


def test_gemini_counts_thoughts_and_tools_beside() -> None:
    """The cache is part of its prompt; thoughts are made besides the candidates, what tools found is read besides."""
    told = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 60,
        "toolUsePromptTokenCount": 11,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 30,
    }
    body = {**GEMINI.write_reply(reply_of(Usage())), "usageMetadata": told}
    assert Usage(51, 50, cache_read=60, reasoning=30) == GEMINI.read_reply(body).usage.counts


COUNTS = st.integers(min_value=0, max_value=10**9)


@given(input=COUNTS, output=COUNTS, read=COUNTS, written=COUNTS, thought=COUNTS)
@pytest.mark.parametrize("one", [CHAT, RESPONSES, ANTHROPIC, GEMINI], ids=lambda each: each.name)
def test_counts_survive_every_wire(one: Wire, input: int, output: int, read: int, written: int, thought: int) -> None:
    """Written in a wire's words and read again, prompt, output and cache are the same; what Gemini has no word for
    (writes into the cache) counts as read anew.
    """
    usage = Usage(input, output + thought, cache_read=read, cache_write=written, reasoning=thought)
    again = one.read_reply(one.write_reply(reply_of(usage))).usage.counts
    kept = replace(usage, input=input + written, cache_write=None) if one is GEMINI else usage
    assert kept == again
    assert usage.prompt == again.prompt


def test_what_nobody_said_stays_unsaid() -> None:
    """No usage is None, not 0; and a part that is larger than its whole takes no more than there is."""
    assert (None, None) == (Usage().prompt, total(None, None))
    assert (None, 0, 3) == (without(None, 3), without(2, 3), without(3, None))


def sse(*events: object) -> bytes:
    """A stream of these events."""
    return b"".join(b"data: " + orjson.dumps(each) + b"\n\n" for each in events)


ANTHROPIC_EVENTS = (
    {
        "type": "message_start",
        "message": {"usage": {"input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 1}},
    },
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 'his "usage": 1'}},
    {"type": "message_delta", "delta": {}, "usage": {"input_tokens": None, "output_tokens": 7}},
)
FAILED = {"id": "r", "status": "failed", "usage": {"input_tokens": 5, "output_tokens": 0}}


@pytest.mark.parametrize(
    ("one", "mode", "content", "usage"),
    [
        pytest.param(ANTHROPIC, "sse", sse(*ANTHROPIC_EVENTS[:2]), Usage(9, 1, cache_read=4), id="cut early"),
        pytest.param(
            ANTHROPIC, "sse", sse(*ANTHROPIC_EVENTS), Usage(9, 7, cache_read=4), id="cut before its last event"
        ),
        pytest.param(
            CHAT,
            "sse",
            sse({"choices": [{"index": 0}, {"index": 1}]}, {"choices": [], "usage": {"prompt_tokens": 3}}),
            Usage(3),
            id="several choices",
        ),
        pytest.param(CHAT, "sse", sse({"choices": [], "x_groq": {"usage": {"prompt_tokens": 2}}}), Usage(2), id="Groq"),
        pytest.param(CHAT, "json", b'{"error": {}, "usage": {"prompt_tokens": 3}}', Usage(3), id="an error with usage"),
        pytest.param(CHAT, "json", b'{"usage": {"prompt', None, id="no JSON"),
        pytest.param(CHAT, "sse", sse({"choices": [{"delta": {"content": "usage"}}]}), None, id="not asked for"),
        pytest.param(
            RESPONSES, "ws", orjson.dumps({"type": "response.failed", "response": FAILED}), Usage(5, 0), id="failed"
        ),
        pytest.param(
            GEMINI,
            "array",
            b'[{"usageMetadata": {"promptTokenCount": 8}},\n{"usageMetadata": {"promptTokenCount": 8, '
            b'"candidatesTokenCount": 2}},\n{"candidates": [',
            Usage(8, 2),
            id="a cut array",
        ),
        pytest.param(
            wire.gemini.INTERNAL,
            "sse",
            sse({"response": {"usageMetadata": {"promptTokenCount": 8, "thoughtsTokenCount": 2}}}),
            Usage(8, 2, reasoning=2),
            id="in its envelope",
        ),
        pytest.param(
            wire.ollama.WIRE,
            "ndjson",
            b'{"done":false}\n{"done":true,"prompt_eval_count":3,"eval_count":4}',
            Usage(3, 4),
            id="Ollama",
        ),
        pytest.param(
            wire.openai_embeddings.WIRE, "json", b'{"data":[],"usage":{"prompt_tokens":6}}', Usage(6), id="vectors"
        ),
    ],
)
def test_what_is_no_reply_still_says_its_usage(one: Wire, mode: Any, content: bytes, usage: Usage | None) -> None:
    """What was said before a cut, in an error or besides several choices is found; what was not said is None."""
    found = usage_so_far(one, mode, content)
    assert usage == (found and found.counts)


@given(content=st.binary(max_size=200), cut=st.integers(0, 400))
@pytest.mark.parametrize("mode", ["json", "sse", "sse+usage", "ndjson", "array", "ws"])
def test_no_body_makes_it_fail(content: bytes, cut: int, mode: Any) -> None:
    """Whatever bytes stand beside the usage, and wherever it is cut, looking for it raises nothing."""
    for one in (CHAT, RESPONSES, ANTHROPIC, GEMINI):
        usage_so_far(one, mode, (content + b'{"usage":{"input_tokens":1},"usageMetadata":[]}' + content)[:cut])


USUAL = re.compile(rb'("service_tier": ?)"(?:auto|default|standard)"')
SERVED = [
    each
    for each in transcripts()
    if each.name in ("openai_chat/text_sse_usage", "openai_responses/text_sse", "anthropic_messages/text_sse")
]


@pytest.mark.parametrize("case", SERVED, ids=lambda case: case.name)
@pytest.mark.parametrize(("tier", "told"), [("standard", ""), ("default", ""), ("flex", "flex")])
def test_how_it_was_served_is_told_with_the_usage(case: Transcript, tier: str, told: str) -> None:
    """By the reply as it was learned, by the relay, and by what had come of it: the usual way is not worth a word."""
    content = USUAL.sub(rb'\1"%b"' % tier.encode(), case.content)
    assert content != case.content or not told
    reply = case.wire.read(case.mode, content)
    passage = Passage(case.wire, case.mode, case.wire, case.mode)
    passage.feed(content)
    so_far = usage_so_far(case.wire, case.mode, content)
    assert so_far is not None
    assert [told] * 3 == [reply.billed.tier, passage.usage.tier, so_far.tier]
    assert reply.usage.counts == replace(reply.billed.counts, tier="")


def test_a_word_without_counts_is_no_usage() -> None:
    """Where nothing is counted there is nothing to price."""
    assert None is said_something(Usage(tier="flex"))
    assert None is usage_so_far(CHAT, "json", b'{"usage": {}, "service_tier": "flex"}')
    assert "" == tier_of({"service_tier": 3}, {})
