"""Fear: a fault of the provider is stored and given again, or bad input makes the proxy hang or crash."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket

import httpx2
import pytest
import zstandard

from tests.e2e.harness import Proxy
from tests.e2e.wires import CHAT, CLOUD, GENERATE, MESSAGES, RESPONSES, Ask
from tests.fake import END, Plan, Provider

every_wire = pytest.mark.parametrize("ask", CLOUD, ids=lambda ask: ask.name)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503, 529])
@both_ways
def test_an_error_is_passed_on_and_never_stored(
    client: httpx2.Client, provider: Provider, status: int, stream: bool, words: str
) -> None:
    """The provider's error reaches the client as it is; the next request is asked anew."""
    provider.plan(Plan(words, status=status, times=1))
    failed = MESSAGES.send(client, words, stream=stream)
    assert failed.status_code == status
    assert MESSAGES.error(failed.json()) == f"planned {status}"
    assert MESSAGES.send(client, words, stream=stream).headers["x-isartor-layer"] == "l3"
    assert provider.generations(words) == 2


@every_wire
def test_a_stream_cut_in_the_middle_is_never_stored(
    client: httpx2.Client, provider: Provider, ask: Ask, words: str
) -> None:
    """The client sees the cut; the next request is asked anew."""
    provider.plan(Plan(words, cut=3, times=1))
    with pytest.raises(httpx2.RemoteProtocolError):
        ask.send(client, words, stream=True)
    assert ask.send(client, words, stream=True).headers["x-isartor-layer"] == "l3"
    assert provider.generations(words) == 2


@every_wire
def test_a_stream_that_ends_without_its_last_event_is_never_stored(
    client: httpx2.Client, provider: Provider, ask: Ask, words: str
) -> None:
    """A body that ends politely but too soon is no answer."""
    whole = ask.send(client, f"other {words}", stream=True)
    half = whole.content[: len(whole.content) // 2]
    provider.plan(Plan(f"the {words}", pieces=(half,), content_type=whole.headers["content-type"], times=1))
    assert ask.send(client, f"the {words}", stream=True).content == half
    assert ask.send(client, f"the {words}", stream=True).headers["x-isartor-layer"] == "l3"
    assert provider.generations(f"the {words}") == 2


@pytest.mark.parametrize("ask", [CHAT, RESPONSES, MESSAGES, GENERATE], ids=lambda ask: ask.name)
def test_an_error_event_in_a_stream_is_never_stored(
    client: httpx2.Client, provider: Provider, ask: Ask, words: str
) -> None:
    """A stream that says an error after its first words is passed on and forgotten."""
    provider.plan(Plan(words, error_event=4, times=1))
    broken = ask.send(client, words, stream=True)
    assert "the stream broke" in broken.text
    assert ask.send(client, words, stream=True).headers["x-isartor-layer"] == "l3"
    assert provider.generations(words) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'{"id": "x", "object": "chat.completion", "choices": [',
        b'{"error": {"message": "hidden in a 200"}}',
        b"<html>gateway</html>",
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
    ids=["empty", "brace", "null", "half", "error", "html", "bytes", "nested"],
)
def test_garbage_with_a_200_is_never_stored(client: httpx2.Client, provider: Provider, body: bytes, words: str) -> None:
    """Whatever came as JSON but is no answer reaches the client byte by byte, and is asked anew."""
    provider.plan(Plan(words, pieces=(body,), times=1))
    first = CHAT.send(client, words)
    assert first.content == body
    assert CHAT.send(client, words).headers["x-isartor-layer"] == "l3"
    assert provider.generations(words) == 2


def test_a_json_reply_shorter_than_declared_is_never_stored(
    client: httpx2.Client, provider: Provider, words: str
) -> None:
    """A connection that ends inside the body gives an error, and nothing to remember."""
    provider.plan(Plan(words, cut_bytes=50, times=1))
    with contextlib.suppress(httpx2.RemoteProtocolError):
        assert CHAT.send(client, words).status_code == 502
    assert CHAT.send(client, words).headers["x-isartor-layer"] == "l3"
    assert provider.generations(words) == 2


def test_a_refusal_of_the_model_is_never_stored(client: httpx2.Client, provider: Provider, words: str) -> None:
    """A model that refuses may not refuse for everybody to come."""
    reply = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "I cannot."}],
        "stop_reason": "refusal",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    provider.plan(Plan(words, pieces=(json.dumps(reply).encode(),), times=1))
    assert MESSAGES.send(client, words).json()["stop_reason"] == "refusal"
    assert MESSAGES.send(client, words).headers["x-isartor-layer"] == "l3"


BAD_BODIES = {
    "empty": b"",
    "not-json": b"{'messages': }",
    "half": b'{"model": "gpt-4o", "messages": [{"role"',
    "array": b"[1, 2]",
    "number": b"7",
    "invalid-utf8": b'{"model": "gpt-4o", "messages": [{"role": "user", "content": "\xff\xfe"}]}',
    "million-nested": b'{"model": "gpt-4o", "messages": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}",
    "unclosed-nested": b"[" * 1_000_000,
    "messages-a-number": b'{"model": "gpt-4o", "messages": 5}',
    "model-an-object": b'{"model": {"a": 1}, "messages": [{"role": "user", "content": "x"}]}',
    "stream-a-word": b'{"model": "m", "stream": "yes", "messages": [{"role": "user", "content": "x"}]}',
    "contents-mixed": b'{"contents": [1, null, {"parts": 3}], "messages": [null, 1, {"role": 1, "content": [null]}]}',
    "lone-surrogate": b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}',
    "huge-number": b'{"model": "m", "temperature": 1e999, "messages": [{"role": "user", "content": "x"}]}',
}


@pytest.mark.parametrize("name", BAD_BODIES)
@pytest.mark.parametrize("ask", [CHAT, RESPONSES, MESSAGES, GENERATE], ids=lambda ask: ask.name)
def test_a_bad_body_is_passed_on_untouched_or_refused(
    proxy: Proxy, client: httpx2.Client, provider: Provider, ask: Ask, name: str, words: str
) -> None:
    """Bad input goes to the provider byte by byte, or gets a 400 in the wire's shape; nothing breaks over it."""
    body = BAD_BODIES[name]
    marker = words.replace(" ", "-")
    known, before = len(provider.calls), proxy.log.count("Traceback")
    headers = {**ask.headers, "content-type": "application/json", "x-marker": marker}
    reply = client.post(ask.whole, content=body, headers=headers)
    arrived = [call for call in provider.calls[known:] if call.header("x-marker") == marker]
    if arrived:
        assert [bytes(call.received) for call in arrived] == [body]
    else:
        assert reply.status_code == 400
        assert ask.error(reply.json())
    assert proxy.log.count("Traceback") == before
    assert proxy.alive


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"not gzip at all"),
        ("gzip", gzip.compress(b'{"model": "x"}')[:-9]),
        ("zstd", b"\x28\xb5\x2f\xfdbroken"),
        ("zstd", zstandard.compress(b'{"model": "x"}' * 99)[:-5]),
        ("br", b"\xff\xff\xff"),
        ("snappy", b"{}"),
        ("gzip, gzip, gzip", gzip.compress(b"{}")),
    ],
)
def test_a_broken_encoding_is_passed_on_untouched_or_refused(
    proxy: Proxy, client: httpx2.Client, provider: Provider, encoding: str, body: bytes
) -> None:
    """A body whose compression is broken or unknown is not our affair: byte by byte to the provider, or 400."""
    known, before = len(provider.calls), proxy.log.count("Traceback")
    headers = {**CHAT.headers, "content-type": "application/json", "content-encoding": encoding}
    reply = client.post(CHAT.whole, content=body, headers=headers)
    arrived = provider.calls[known:]
    assert [bytes(call.received) for call in arrived] == [body] or reply.status_code == 400
    assert proxy.log.count("Traceback") == before


def test_a_small_body_that_unpacks_to_much_is_passed_on(client: httpx2.Client, provider: Provider) -> None:
    """A compression bomb is not unpacked past the bound; it goes to the provider as it came."""
    bomb = zstandard.compress(b" " * (200 << 20))
    known = len(provider.calls)
    headers = {**CHAT.headers, "content-type": "application/json", "content-encoding": "zstd"}
    client.post(CHAT.whole, content=bomb, headers=headers)
    assert [bytes(call.received) for call in provider.calls[known:]] == [bomb]


def test_a_flood_of_headers_is_survived(proxy: Proxy, client: httpx2.Client, provider: Provider, words: str) -> None:
    """Thousands of headers pass or are refused; the next request works."""
    flood = {f"x-flood-{number}": "y" * 100 for number in range(2000)}
    try:
        reply = CHAT.send(client, words, headers=flood)
    except httpx2.RemoteProtocolError:
        pass
    else:
        assert reply.status_code in (200, 400, 431, 502)
    with proxy.client() as other:
        assert CHAT.send(other, f"after {words}").status_code == 200
    assert proxy.alive


def test_a_chunked_body_that_breaks_off_is_dropped(proxy: Proxy, provider: Provider, words: str) -> None:
    """A request that never comes to its end makes no answer and no entry, and holds nobody up."""
    with proxy.client() as client:
        CHAT.send(client, f"before {words}")
    base = f"http://127.0.0.1:{proxy.port}"
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as raw:
        head = f"POST {base}/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\n"
        raw.sendall(f"{head}Authorization: Bearer x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        raw.sendall(b'20\r\n{"model": "gpt-4o", "messages": \r\n')
    with proxy.client() as client:
        assert CHAT.send(client, words).status_code == 200
    assert proxy.alive


def test_a_body_over_the_bound_passes_without_being_gathered(proxy: Proxy, provider: Provider, words: str) -> None:
    """The provider has the first part of a body of 70 MiB while the client still holds back the last."""
    path = "https://api.openai.com/v1/chat/completions"
    filler = b"x" * (1 << 20)
    head = f'{{"model": "gpt-4o", "messages": [{{"role": "user", "content": "{words} '.encode()
    tail = b'"}]}'
    total = len(head) + 70 * len(filler) + len(tail)
    known = len(provider.calls)

    def body() -> object:
        yield head
        yield from [filler] * 69
        provider.until(
            lambda: any(len(call.received) > (32 << 20) for call in provider.calls[known:]), "half of the body"
        )
        yield filler + tail

    headers = {**CHAT.headers, "content-type": "application/json", "content-length": str(total)}
    with proxy.client() as client:
        reply = client.post(path, content=body(), headers=headers)  # type: ignore[arg-type]
    assert reply.status_code == 200
    assert len(provider.calls[known].received) == total


@pytest.mark.parametrize("cut", [0, END])
def test_a_cut_before_the_first_or_after_the_last_event(
    client: httpx2.Client, provider: Provider, cut: int, words: str
) -> None:
    """A cut before anything came is an error; one after the terminal event spoils nothing."""
    provider.plan(Plan(words, cut=cut, times=1))
    with contextlib.suppress(httpx2.RemoteProtocolError):
        MESSAGES.send(client, words, stream=True)
    again = MESSAGES.send(client, words, stream=True)
    assert again.headers["x-isartor-layer"] == ("l3" if cut == 0 else "l1a")
    assert "message_stop" in again.text


@pytest.mark.parametrize("status", [201, 202, 206])
@both_ways
def test_another_success_is_passed_on_and_never_stored(
    client: httpx2.Client, provider: Provider, status: int, stream: bool, words: str
) -> None:
    """A reply that is not plainly 200 (part of one, or a promise of one) would be replayed as what it is not."""
    whole = CHAT.send(client, f"other {words}", stream=stream)
    said = Plan(f"the {words}", status=status, pieces=(whole.content,), content_type=whole.headers["content-type"])
    provider.plan(said)
    replies = [CHAT.send(client, f"the {words}", stream=stream) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [status] * 2
    assert [reply.content for reply in replies] == [whole.content] * 2
    assert provider.generations(f"the {words}") == 2
