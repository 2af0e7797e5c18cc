"""The compatibility key: what two requests may differ in, and what they may not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon import clients
from isartor_addon.core.client import Wrapping
from isartor_addon.core.scope import LARGEST, LONGEST, Scope, find_scope, offers_tools, unwrap
from isartor_addon.wire import WIRES, find
from tests.clients_tables.recorded import MODES, Sent, claude, copilot, gemini
from tests.core.asking import ANTHROPIC, CHAT, GEMINI, RESPONSES, ask
from tests.json_paths import changed, leaves

OLLAMA = "http://ollama.test/api/generate"
UNIFIED = "https://cloudcode-pa.googleapis.com/v1internal:generateContent"


def scope(
    url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None, *, caller: str = "someone"
) -> Scope:
    """The scope of a POST of `body` to `url`."""
    parts = urlsplit(url)
    route = find("POST", parts.hostname or "", parts.path, dict(parse_qsl(parts.query)))[0]
    return find_scope(
        ask(url, body, headers, caller=caller),
        caller=caller,
        operation=route.operation,
        shape=route.wire.shape,
        wrapping=clients.recognise(headers or {}).wrapping,
    )


def of(sent: Sent) -> Scope:
    return scope(sent.url, sent.body, sent.headers)


def chat(content: Any = "What is a monad?", **more: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": content}]
    return {"model": "gpt-4o", "temperature": 0, "messages": messages, **more}


ASKED: list[tuple[str, Any]] = [
    (CHAT, lambda words: chat(words)),
    (CHAT, lambda words: chat([{"type": "text", "text": words}])),
    (RESPONSES, lambda words: {"model": "m", "input": words}),
    (RESPONSES, lambda words: {"model": "m", "input": [{"role": "user", "content": words}]}),
    (ANTHROPIC, lambda words: {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": words}]}),
    (GEMINI, lambda words: {"contents": [{"role": "user", "parts": [{"text": words}]}]}),
    (GEMINI, lambda words: {"contents": [{"parts": [{"text": words}]}]}),
    (UNIFIED, lambda words: {"model": "m", "request": {"contents": [{"role": "user", "parts": [{"text": words}]}]}}),
    (OLLAMA, lambda words: {"model": "m", "prompt": words}),
    ("http://proxy.test/api/chat", lambda words: {"prompt": words}),
]


@pytest.mark.parametrize(("url", "body"), ASKED)
def test_other_words_are_in_one_scope(url: str, body: Any) -> None:
    """On every wire, what differs in the user's last words only is of one scope, and the words are what was said."""
    one, other = scope(url, body("What is a monad?")), scope(url, body("  explain monads\n"))
    assert ("", "") == (one.unfit, other.unfit)
    assert one.key == other.key
    assert ("What is a monad?", "explain monads") == (one.words, other.words)


def test_how_it_is_delivered_does_not_count() -> None:
    """A stream and a whole answer to one question are of one scope."""
    assert scope(CHAT, chat(stream=True)).key == scope(CHAT, chat()).key


SAID_BEFORE = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "What is a monad?"},
]
RICH = chat(
    messages=[{"role": "system", "content": "Be terse."}, *SAID_BEFORE],
    max_tokens=9,
    seed=1,
    response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
    stop=["x"],
    user="ann",
    tools=[{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
    logit_bias={"1": 2},
)


@pytest.mark.parametrize("path", [path for path in leaves(RICH) if path[:2] != ("messages", 3)], ids=str)
def test_everything_else_counts(path: tuple[Any, ...]) -> None:
    """Whatever else of a request is changed, it is another scope: model, temperature, schema, turns, tools, all."""
    other = scope(CHAT, changed(RICH, path, "something else"))
    assert "" == scope(CHAT, RICH).unfit
    assert other.unfit or other.key != scope(CHAT, RICH).key


@pytest.mark.parametrize("name", ["temperature", "seed", "tools", "response_format", "max_tokens", "user"])
def test_what_is_missing_counts(name: str) -> None:
    """Nor is a request without a field in the scope of one with it."""
    assert scope(CHAT, {k: v for k, v in RICH.items() if k != name}).key != scope(CHAT, RICH).key


def test_callers_and_places_share_no_scope() -> None:
    """Another caller, provider, path, version or way to ask is another scope."""
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "What is a monad?"}]}
    scopes = [
        scope(CHAT, body),
        scope(CHAT, body, caller="else"),
        scope(CHAT.replace("api.openai.com", "api.mistral.ai"), body),
        scope(ANTHROPIC, body),
        scope(ANTHROPIC, body, {"anthropic-beta": "x"}),
        scope(ANTHROPIC, body, {"anthropic-version": "2023-06-01"}),
    ]
    assert len(scopes) == len({each.key for each in scopes})


IMAGE = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
TEXT = {"type": "text", "text": "What is this?"}
TOOL_TURNS = [
    {"role": "user", "content": "look"},
    {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "l"}}]},
    {"role": "tool", "tool_call_id": "c", "content": "x"},
]
RESULT = [{"type": "tool_result", "tool_use_id": "t", "content": "x"}]
FUNCTION = [{"functionResponse": {"name": "l", "response": {}}}]


@pytest.mark.parametrize(
    ("url", "body", "reason"),
    [
        (CHAT, chat([TEXT, IMAGE]), "more than text"),
        (CHAT, chat([IMAGE]), "more than text"),
        (CHAT, chat(messages=TOOL_TURNS), "not the user's"),
        (CHAT, chat(messages=[{"role": "assistant", "content": "So:"}]), "not the user's"),
        (CHAT, chat(messages=[]), "not the user's"),
        (CHAT, chat(messages=["x"]), "not the user's"),
        (CHAT, {"model": "m"}, "not the user's"),
        (ANTHROPIC, {"model": "m", "messages": [{"role": "user", "content": RESULT}]}, "more than text"),
        (ANTHROPIC, {"model": "m", "messages": [{"role": "user", "content": [*RESULT, TEXT]}]}, "more than text"),
        (GEMINI, {"contents": [{"role": "user", "parts": FUNCTION}]}, "more than text"),
        (RESPONSES, {"model": "m", "input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, "user"),
        (RESPONSES, {"model": "m", "input": "x", "conversation": "conv_1"}, "conversation"),
        (CHAT, chat(n=2), "choices"),
        (GEMINI, {"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"candidateCount": 2}}, "choices"),
        (CHAT, chat("   "), "no words"),
        (CHAT, chat([]), "no words"),
        (CHAT, chat("a" * (LONGEST + 1)), "more than a question"),
        (CHAT, chat("Sum this up.\n\nOnce upon a time"), "more than a question"),
        (CHAT, chat([TEXT, {"type": "text", "text": "It is red."}]), "cannot be told"),
        (CHAT, chat("<notes>It is red.</notes> What is it?"), "cannot be told"),
        (CHAT, chat("x", extra="y" * LARGEST), "too large"),
        (f"{ANTHROPIC}/count_tokens", {"model": "m", "messages": [{"role": "user", "content": "x"}]}, "count"),
        ("https://api.openai.com/v1/embeddings", {"model": "m", "input": "x"}, "embed"),
        ("https://api.openai.com/v1/completions", {"model": "m", "prompt": "Once upon"}, "go on"),
        (OLLAMA, {"model": "m", "prompt": "x", "images": ["AAAA"]}, "more than a text"),
    ],
)
def test_unfit_requests_have_no_scope(url: str, body: Any, reason: str) -> None:
    """What is no plain question has no scope, and says why."""
    found = scope(url, body)
    assert ("", "") == (found.key, found.words)
    assert reason in found.unfit


@pytest.mark.parametrize("mode", MODES)
def test_two_runs_of_a_tool_share_a_scope(mode: str) -> None:
    """Each request of a run has the scope and the words of the same request of another run."""
    _, run = MODES[mode]
    assert [of(sent) for sent in run(0)] == [of(sent) for sent in run(1)]


FIT = sorted(MODES.keys() - {"qwen", "py/anthropic-count"})


@pytest.mark.parametrize("mode", FIT)
def test_of_a_tool_s_request_only_the_user_s_words_are_words(mode: str) -> None:
    """Reminders, dates and session context around them are none, and other words are in the same scope."""
    sent = MODES[mode][1](0)[0]
    found = of(sent)
    assert ("hello", "") == (found.words, found.unfit)
    text = str(sent.body).replace("'hello'", "'good morning'").replace("\\n\\nhello'", "\\n\\ngood morning'")
    other = of(sent._replace(body=eval(text)))
    assert ("good morning", found.key) == (other.words, other.key)


def test_the_date_counts() -> None:
    """A question asked tomorrow, or with another reminder, is another scope: what is around the words stays."""
    (today,) = copilot(0)
    tomorrow = today._replace(body=eval(str(today.body).replace("2026-11-23", "2026-11-24")))
    assert of(today).key != of(tomorrow).key
    _, asked = gemini(0)
    assert of(asked).key != of(asked._replace(body=eval(str(asked.body).replace("November 23", "November 24")))).key


def test_reminders_are_told_apart() -> None:
    """Claude Code's reminders, in a part of their own or in the words' part, before and after them."""
    (sent,) = claude(0)
    note = "<system-reminder>\nToday is Monday.\n</system-reminder>"
    for content in (
        [{"type": "text", "text": note}, {"type": "text", "text": "hello"}],
        [{"type": "text", "text": f"{note}\n{note}\n\nhello\n{note}"}],
    ):
        body = {**sent.body, "messages": [{"role": "user", "content": content}]}
        found = of(sent._replace(body=body))
        assert ("hello", "") == (found.words, found.unfit)
        other = eval(str(body).replace("Monday", "Friday"))
        assert found.key != of(sent._replace(body=other)).key


TAGS = Wrapping(blocks=("note",), around=("task",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", "hello"),
        ("<note>a</note>hello", "hello"),
        ("hello <note>a</note>", "hello"),
        ("<task>\nhello\n</task>", "hello"),
        ("<task>hello</task><note>a</note>", "hello"),
        ("<task>a</task> b <task>c</task>", "<task>a</task> b <task>c</task>"),
        ("<note>never closed hello", "<note>never closed hello"),
        ("hello</note>", "hello</note>"),
        ("<note>a</note>", ""),
        ("", ""),
    ],
)
def test_unwrapping(text: str, words: str) -> None:
    """Known blocks go from both ends; what is not closed is left alone."""
    assert words == unwrap(text, TAGS)[1]


@given(st.text(alphabet="<>/notetask \nx", max_size=60))
def test_unwrapping_loses_nothing(text: str) -> None:
    """Whatever the text, what is taken off and what is left are the whole of it, white space at the seams excepted."""
    assert "".join(text.split()) == "".join("".join(unwrap(text, TAGS)).split())


@pytest.mark.parametrize(
    ("wire", "body", "expected"),
    [
        ("openai_chat", chat(), False),
        ("openai_chat", RICH, True),
        ("openai_chat", chat(tools=[]), False),
        ("openai_chat", chat(functions=[{}]), True),
        ("gemini", {"contents": [], "tools": [{}]}, True),
        ("gemini_internal", {"request": {"contents": [], "tools": [{}]}}, True),
        ("gemini_internal", {"request": {"contents": []}}, False),
        ("openai_responses", {"input": "x"}, False),
        ("openai_responses", {"input": [{"type": "additional_tools", "tools": [{}]}]}, True),
    ],
)
def test_tools_are_seen(wire: str, body: Any, expected: bool) -> None:
    """Wherever a wire says them."""
    assert expected is offers_tools(body, WIRES[wire].shape)
