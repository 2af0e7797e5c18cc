"""Pairs of requests that look like two runs of one and are not: what a rule leaves out must not hide a difference."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.bookkeeping import machine_made
from tests.core.asking import ANTHROPIC, CHAT, RESPONSES, ask

ONE, OTHER = "0b9e4009-7079-403b-aa15-8fd32aa02070", "6981dd09-f17e-417c-ac83-823875df407f"


def hello(**more: Any) -> dict[str, Any]:
    return {"model": "m-1", "messages": [{"role": "user", "content": "hello"}], **more}


def user(user_id: str) -> dict[str, Any]:
    return hello(metadata={"user_id": user_id})


BILLING = "x-anthropic-billing-header: cch=a1;"


def system(text: str) -> dict[str, Any]:
    return hello(system=[{"type": "text", "text": text}, {"type": "text", "text": "Be kind."}])


def shell(*answers: str) -> dict[str, Any]:
    calls: list[dict[str, Any]] = [
        {"type": "local_shell_call", "id": f"lsh_{n}", "call_id": n, "action": {}} for n in ("a", "b")
    ]
    outputs = [{"type": "local_shell_call_output", "id": n, "output": n + "!"} for n in ("a", "b")]
    swapped = [{**output, "id": answer} for output, answer in zip(outputs, answers, strict=True)]
    return {"model": "m", "input": [*calls, *swapped]}


@pytest.mark.parametrize(
    ("url", "one", "other"),
    [
        (CHAT, hello(conversation_id=ONE), hello(conversation_id=OTHER)),
        (CHAT, hello(conversationId=ONE), hello(conversationId=OTHER)),
        (CHAT, hello(thread_id=ONE), hello(thread_id=OTHER)),
        (CHAT, hello(parent_message_id=ONE), hello(parent_message_id=OTHER)),
        (CHAT, hello(task_id="translate-fr-v1"), hello(task_id="translate-de-v1")),
        (ANTHROPIC, system(f"{BILLING}\nYou are a pirate."), system(f"{BILLING}\nYou are a lawyer.")),
        (ANTHROPIC, user("obsession-1"), user("obsession-2")),
        (ANTHROPIC, user(f"session of {ONE}"), user(f"session of {OTHER}")),
        (ANTHROPIC, user('{"session_id":"a","name":"Ann"}'), user('{"session_id":"a","name":"Bob"}')),
        (
            ANTHROPIC,
            user(f"user_{'a' * 64}_account_{ONE}_session_{ONE}"),
            user(f"user_{'a' * 64}_account_{OTHER}_session_{ONE}"),
        ),
        (RESPONSES, shell("a", "b"), shell("b", "a")),
    ],
)
def test_fields_that_look_like_bookkeeping(url: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    """What points at a conversation that a provider keeps, what a person named, and who the user is, count."""
    assert ask(url, one).key != ask(url, other).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (user(f"user_{'a' * 64}_account__session_{ONE}"), user(f"user_{'a' * 64}_account__session_{OTHER}")),
        (user(f'{{"session_id":"{ONE}","account_uuid":""}}'), user(f'{{"account_uuid":"","session_id":"{OTHER}"}}')),
        (system(f"{BILLING} cc_turn_index=1"), system(f"{BILLING} cc_turn_index=2")),
        (hello(session_id=ONE), hello(session_id=OTHER)),
    ],
)
def test_their_neighbours_that_are_bookkeeping(one: dict[str, Any], other: dict[str, Any]) -> None:
    """The same fields as tools fill them, differing in ids of the run alone, share a key."""
    assert ask(ANTHROPIC, one).key == ask(ANTHROPIC, other).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gpt-4o-mini", "gpt-4.1-mini"),
        ("django__django-11099", "django__django-11133"),
        ("project-2026-11-23", "project-2026-11-24"),
        ("fix-issue-42", "fix-issue-43"),
    ],
)
def test_a_session_that_a_person_named(one: str, other: str) -> None:
    """Where a tool names its session by what it works on, that word in the prompt or as the model counts."""
    as_model = [ask(ANTHROPIC, {**hello(), "model": each}, {"x-session-id": each}).key for each in (one, other)]
    in_words = [ask(ANTHROPIC, hello(system=f"Work on {each}."), {"x-session-id": each}).key for each in (one, other)]
    assert 4 == len({*as_model, *in_words})


def test_a_conversation_at_the_provider_counts_even_if_the_run_is_named_by_it() -> None:
    """The id in the header is the run's; the same id in the body says which conversation goes on."""
    keys = {ask(CHAT, hello(thread_id=each), {"x-session-id": each}).key for each in (ONE, OTHER)}
    assert 2 == len(keys)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (ONE, True),
        (ONE.upper(), True),
        ("35434407-c584-dc28-fa90-667747857179", True),
        (ONE.replace("-", ""), True),
        ("run-20261123_033439", True),
        ("20261123033439", True),
        ("01KAQZ9V3T5YH8X2M4N6P7R8S9", True),
        ("ses_df9bb0e28ffesqrgMC0K05ggTG", True),
        ("V1StGXR8_Z5jdHi6B-myT", True),
        ("cm3x9k2lq0000v8l5d1a2b3c4", True),
        ("session-1795401480123", True),
        ("20261123T033439Z", True),
        ("2026-11-23T03-34-39-123Z", True),
        ("qwen-code:70f61045-8723-4aaa-9658-7d4d9208c730", True),
        ("main", False),
        ("session-12", False),
        ("python3.12-tests", False),
        ("claude-sonnet-4-5-20250929", False),
        ("my-long-project-name-2", False),
        ("Release2026", False),
    ],
)
def test_what_a_program_made(value: str, expected: bool) -> None:
    """Random digits and clocks are told from words with a number in them."""
    assert expected == machine_made(value)
    assert expected == bool(ask(CHAT, hello(), {"x-session-id": value}).run_ids)


@settings(max_examples=100)
@given(st.uuids(), st.sampled_from(["{}", "sess_{}", "user-turn-{}-1", "{}########0"]))
def test_any_uuid_is_made_by_a_program(uuid: UUID, around: str) -> None:
    """With hyphens or without, and in whatever it is part of."""
    assert machine_made(around.format(uuid))
    assert machine_made(around.format(uuid.hex))


def test_a_session_that_a_person_named_is_a_session() -> None:
    """It is not sought in texts, but who asks a third time in it asks again."""
    assert "session-12" == ask(CHAT, hello(), {"x-session-id": "session-12"}).session


def results(words: str) -> dict[str, Any]:
    turn = {"role": "tool", "tool_call_id": "call_1", "content": words}
    return {"model": "m-1", "messages": [{"role": "user", "content": "How long?"}, turn]}


@pytest.mark.parametrize(
    "words", ["Script finished\nWall time {} seconds\n", "Exit code: 0\nWall time: {} seconds\nDone"]
)
def test_times_that_a_program_measured(words: str) -> None:
    """Codex's own clock is followed by the output; without that the words are a program's."""
    assert ask(CHAT, results(words.format(3.2))).key != ask(CHAT, results(words.format(9.9))).key
    told = words.rpartition("\n")[0] + "\nOutput:\nhi"
    assert ask(CHAT, results(told.format(3.2))).key == ask(CHAT, results(told.format(9.9))).key


def parallel(ids: tuple[str, str], answered: tuple[str, str]) -> dict[str, Any]:
    calls = [{"type": "tool_use", "id": each, "name": "read", "input": {"n": n}} for n, each in enumerate(ids)]
    results = [{"type": "tool_result", "tool_use_id": each, "content": f"file {n}"} for n, each in enumerate(answered)]
    turns = [{"role": "assistant", "content": calls}, {"role": "user", "content": results}]
    return {"model": "m-1", "messages": [{"role": "user", "content": "Read both."}, *turns]}


def test_parallel_calls_keep_their_results() -> None:
    """Other ids are the same conversation; the same ids with results exchanged are another one."""
    one, other = ("toolu_01A", "toolu_01B"), ("toolu_02A", "toolu_02B")
    key = ask(ANTHROPIC, parallel(one, one)).key
    assert key == ask(ANTHROPIC, parallel(other, other)).key
    assert key != ask(ANTHROPIC, parallel(one, one[::-1])).key
    assert key != ask(ANTHROPIC, parallel((one[0], one[0]), (one[0], one[0]))).key


def test_a_call_named_like_its_tool_is_not_sought_in_answers() -> None:
    """Some programs take the tool's name for the call's id: that word in an answer is a word."""
    calls: list[dict[str, Any]] = [
        {"id": name, "type": "function", "function": {}} for name in ("search_docs", "call_8f3a2b1c")
    ]
    body = {"model": "m", "messages": [{"role": "assistant", "tool_calls": calls}]}
    assert {"call1": "call_8f3a2b1c"} == dict(ask(CHAT, body).run_ids)
