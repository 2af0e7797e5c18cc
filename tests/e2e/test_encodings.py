"""Fear: a compressed body hides the question, or a compressed reply is stored as noise."""

from __future__ import annotations

import gzip
import json
import zlib

import brotli
import httpx2
import pytest
import zstandard

from tests.e2e.wires import CHAT, MESSAGES
from tests.fake import Plan, Provider
from tests.fake.plan import Encoding

PACK = {
    "identity": lambda body: body,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


def test_every_encoding_of_a_request_is_one_question(client: httpx2.Client, provider: Provider, words: str) -> None:
    """Plain, gzip, deflate, br, zstd: one key, one call, and the provider got the first as it was packed."""
    body = json.dumps(CHAT.body(words, False)).encode()
    replies = []
    for name, pack in PACK.items():
        headers = {**CHAT.headers, "content-type": "application/json", "content-encoding": name}
        replies.append(client.post(CHAT.whole, content=pack(body), headers=headers))
    assert len({reply.headers["x-isartor-key"] for reply in replies}) == 1
    assert len({reply.content for reply in replies}) == 1
    assert provider.generations(words) == 1


def test_a_packed_request_goes_on_as_it_came(client: httpx2.Client, provider: Provider, words: str) -> None:
    """The provider receives the compressed bytes themselves."""
    packed = zstandard.compress(json.dumps(CHAT.body(words, False)).encode())
    headers = {**CHAT.headers, "content-type": "application/json", "content-encoding": "zstd"}
    client.post(CHAT.whole, content=packed, headers=headers)
    call = provider.about(words)[0]
    assert bytes(call.received) == packed
    assert call.header("content-encoding") == "zstd"


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_every_encoding_of_a_reply_is_learned(
    client: httpx2.Client, provider: Provider, encoding: Encoding, stream: bool, words: str
) -> None:
    """A compressed reply reaches the client readable, and so does its replay."""
    provider.plan(Plan(words, encoding=encoding))
    headers = {"accept-encoding": encoding}
    first = MESSAGES.send(client, words, stream=stream, headers=headers)
    second = MESSAGES.send(client, words, stream=stream, headers=headers)
    assert words in MESSAGES.read(first)
    assert MESSAGES.read(first) == MESSAGES.read(second)
    assert second.headers["x-isartor-layer"] == "l1a"
    assert provider.generations(words) == 1


def test_a_client_that_reads_no_compression_gets_none(client: httpx2.Client, provider: Provider, words: str) -> None:
    """What was recorded compressed is replayed plain to who asks for plain."""
    provider.plan(Plan(words, encoding="br"))
    MESSAGES.send(client, words, stream=True, headers={"accept-encoding": "br"})
    plain = MESSAGES.send(client, words, stream=True, headers={"accept-encoding": "identity"})
    assert plain.headers.get("content-encoding", "identity") == "identity"
    assert words in MESSAGES.read(plain)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_a_packed_reply_cut_short_is_never_stored(
    client: httpx2.Client, provider: Provider, encoding: Encoding, words: str
) -> None:
    """A compressed stream that breaks off is asked anew."""
    provider.plan(Plan(words, encoding=encoding, cut=4, times=1))
    with pytest.raises(httpx2.HTTPError):
        MESSAGES.send(client, words, stream=True, headers={"accept-encoding": encoding})
    assert MESSAGES.send(client, words, stream=True).headers["x-isartor-layer"] == "l3"
