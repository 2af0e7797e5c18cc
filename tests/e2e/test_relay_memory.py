"""Fear: a long JSON answer along a chain is held in memory, by us or for a client that does not read.

Streams are tried in `test_splice.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.e2e.harness import Proxy, Setup
from tests.e2e.raw import Visit, ask, connect, raw_provider, read_until
from tests.e2e.test_splice import END, chunk, resident_mb
from tests.fake import Provider

BIG = 100 << 20
LITTLE_MB = 40
"""What the proxy may grow by. It holds and records 1 MiB at most here."""
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"


def test_a_long_answer_costs_no_memory(launch: Callable[..., Proxy], provider: Provider) -> None:
    """100 MB: while the client reads nothing, the provider waits; when it reads, it gets all, and nothing is kept."""
    piece = chunk(b"x" * 60_000)
    pieces = BIG // len(piece)

    def answer(visit: Visit, _: bytes) -> None:
        visit.send(HEAD + chunk(b'{"begin": "'))
        for _ in range(pieces):
            visit.send(piece)
        visit.send(chunk(b'"}') + END)

    options = {
        "isartor_chain": json.dumps([{"for": "*", "try": "client"}]),
        "isartor_egress_ca_file": str(provider.authority.path),
        "isartor_body_limit_mb": "1",
    }
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "go on and on"}]}).encode()
    with raw_provider(provider.authority, answer) as raw:
        proxy = launch(Setup(options={**options, "fake_tls": str(raw.port)}))
        with connect(proxy) as client:
            before = resident_mb(proxy.pid)
            client.sendall(ask("/v1/chat/completions", body))
            received = read_until(client, b"begin")
            (visit,) = raw.visits
            assert visit.blocked.wait(30)
            assert visit.sent < BIG // 2
            assert resident_mb(proxy.pid) - before < LITTLE_MB
            size = len(received)
            while not received.endswith(END):
                received = received[-5:] + client.recv(1 << 20)
                size += len(received) - 5
            assert resident_mb(proxy.pid) - before < LITTLE_MB
    assert size > pieces * 60_000
    assert "Traceback" not in proxy.log
