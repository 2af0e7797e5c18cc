"""Fear: somebody gets an answer that was given to somebody else, or to another question."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import httpx2
import pytest

from tests.e2e.wires import CHAT, GENERATE, MESSAGES, RESPONSES, Ask
from tests.fake import Provider

type Json = Any

_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk{}HwAFBQIAX8jx0gAAAABJRU5ErkJggg=="


def _with_image(ask: Ask, body: Json, data: str) -> None:
    if ask is MESSAGES:
        source = {"type": "base64", "media_type": "image/png", "data": data}
        body["messages"][0]["content"] = [
            {"type": "text", "text": body["messages"][0]["content"]},
            {"type": "image", "source": source},
        ]
    elif ask is CHAT:
        body["messages"][1]["content"] = [
            {"type": "text", "text": body["messages"][1]["content"]},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
        ]
    elif ask is RESPONSES:
        content = [
            {"type": "input_text", "text": body["input"]},
            {"type": "input_image", "image_url": f"data:image/png;base64,{data}"},
        ]
        body["input"] = [{"role": "user", "content": content}]
    else:
        body["contents"][0]["parts"].append({"inlineData": {"mimeType": "image/png", "data": data}})


def _with_system(ask: Ask, body: Json, text: str) -> None:
    if ask is MESSAGES:
        body["system"] = text
    elif ask is CHAT:
        body["messages"][0]["content"] = text
    elif ask is RESPONSES:
        body["instructions"] = text
    else:
        body["systemInstruction"] = {"parts": [{"text": text}]}


def _with_tool(ask: Ask, body: Json, name: str) -> None:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    if ask is MESSAGES:
        body["tools"] = [{"name": name, "description": "d", "input_schema": schema}]
    elif ask is CHAT:
        body["tools"] = [{"type": "function", "function": {"name": name, "parameters": schema}}]
    elif ask is RESPONSES:
        body["tools"] = [{"type": "function", "name": name, "parameters": schema}]
    else:
        body["tools"] = [{"functionDeclarations": [{"name": name, "parameters": schema}]}]


def _with_temperature(ask: Ask, body: Json, value: float) -> None:
    if ask is GENERATE:
        body["generationConfig"] = {"temperature": value}
    else:
        body["temperature"] = value


VARIANTS = {
    "system": (_with_system, "Be kind.", "Be rude."),
    "tools": (_with_tool, "read", "delete"),
    "image": (_with_image, _PIXEL.format("8/"), _PIXEL.format("9/")),
    "temperature": (_with_temperature, 0.0, 1.0),
}


@pytest.mark.parametrize("what", VARIANTS)
@pytest.mark.parametrize("ask", [CHAT, RESPONSES, MESSAGES, GENERATE], ids=lambda ask: ask.name)
def test_another_question_gets_another_answer(
    client: httpx2.Client, provider: Provider, ask: Ask, what: str, words: str
) -> None:
    """Two requests that differ in one thing that shapes the answer share nothing; each is itself repeated."""
    change, one, other = VARIANTS[what]
    bodies = [copy.deepcopy(ask.body(words, True)) for _ in range(2)]
    change(ask, bodies[0], one)  # type: ignore[operator]
    change(ask, bodies[1], other)  # type: ignore[operator]
    replies = [ask.post(client, body, stream=True) for body in (*bodies, *bodies)]
    assert [reply.headers["x-isartor-layer"] for reply in replies] == ["l3", "l3", "l1a", "l1a"]
    assert replies[0].content == replies[2].content != replies[1].content == replies[3].content
    assert provider.generations(words) == 2


@pytest.mark.parametrize(
    ("ask", "header", "one", "other"),
    [
        (CHAT, "authorization", "Bearer sk-one-000000000000", "Bearer sk-other-0000000000"),
        (MESSAGES, "x-api-key", "sk-ant-one-0000000000", "sk-ant-other-00000000"),
        (MESSAGES, "authorization", "Bearer sk-ant-oat01-one-00", "Bearer sk-ant-oat01-other"),
        (GENERATE, "x-goog-api-key", "key-one-0000000000000", "key-other-00000000000"),
    ],
)
def test_another_credential_gets_another_answer(
    client: httpx2.Client, provider: Provider, ask: Ask, header: str, one: str, other: str, words: str
) -> None:
    """Two callers never share; one caller does with itself."""
    body, kept = ask.body(words, False), {k: v for k, v in ask.headers.items() if k not in ("x-api-key", header)}
    replies = [client.post(ask.whole, json=body, headers={**kept, header: secret}) for secret in (one, other, one)]
    assert [reply.headers["x-isartor-layer"] for reply in replies] == ["l3", "l3", "l1a"]
    assert provider.generations(words) == 2


def test_a_key_in_the_query_counts(client: httpx2.Client, provider: Provider, words: str) -> None:
    """Gemini's `?key=` tells callers apart, and is nobody else's way in."""
    body = GENERATE.body(words, False)
    for key in ("key-one-0000000000000", "key-other-00000000000", "key-one-0000000000000"):
        client.post(f"{GENERATE.whole}?key={key}", json=body)
    client.post(GENERATE.whole, json=body)
    assert provider.generations(words) == 3


def _token(subject: str, account: str, *, issued: int) -> str:
    """An unsigned JSON Web Token as a login with ChatGPT gives it."""
    auth = {"chatgpt_account_id": account, "chatgpt_user_id": subject, "user_id": subject}
    claims = {"iss": "https://auth.openai.com", "sub": subject, "iat": issued, "exp": issued + 3600}
    parts = [{"alg": "RS256", "typ": "JWT"}, {**claims, "https://api.openai.com/auth": auth}]
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return f"{'.'.join(texts)}.c2lnbmF0dXJl{issued}"


def test_a_refreshed_token_is_the_same_caller(client: httpx2.Client, provider: Provider, words: str) -> None:
    """A token that was renewed for the same account goes on hitting; another account's never does."""
    url, body = "https://chatgpt.com/backend-api/codex/responses", RESPONSES.body(words, True)
    tokens = [
        _token("user-a", "acc-a", issued=1_700_000_000),
        _token("user-a", "acc-a", issued=1_700_009_999),
        _token("user-b", "acc-b", issued=1_700_000_000),
    ]
    replies = [
        client.post(url, json=body, headers={"authorization": f"Bearer {token}", "chatgpt-account-id": f"acc-{who}"})
        for token, who in zip(tokens, "aab", strict=True)
    ]
    assert [reply.headers["x-isartor-layer"] for reply in replies] == ["l3", "l1a", "l3"]
    assert provider.generations(words) == 2


def test_a_forged_account_header_opens_nothing(client: httpx2.Client, provider: Provider, words: str) -> None:
    """Naming another account beside one's own plain key does not give its answers."""
    body = RESPONSES.body(words, False)
    for key, account in (("sk-victim-000000000000", "acc-victim"), ("sk-thief-0000000000000", "acc-victim")):
        headers = {"authorization": f"Bearer {key}", "chatgpt-account-id": account}
        client.post(RESPONSES.whole, json=body, headers=headers)
    assert provider.generations(words) == 2


def test_the_answers_model_does_not_open_another(client: httpx2.Client, provider: Provider, words: str) -> None:
    """Another model is another question, whether the body or the path names it."""
    for model in ("gpt-4o", "gpt-4o-mini"):
        CHAT.post(client, CHAT.body(words, False) | {"model": model})
    for model in ("gemini-2.5-flash", "gemini-2.5-pro"):
        url = GENERATE.whole.replace("gemini-2.5-flash", model)
        client.post(url, json=GENERATE.body(words, False), headers=dict(GENERATE.headers))
    assert provider.generations(words) == 4


def test_the_beta_header_counts(client: httpx2.Client, provider: Provider, words: str) -> None:
    """`anthropic-beta` changes what the provider does, so it is part of the question."""
    for beta in ("context-1m-2025-08-07", "interleaved-thinking-2025-05-14"):
        MESSAGES.send(client, words, headers={"anthropic-beta": beta})
    assert provider.generations(words) == 2
