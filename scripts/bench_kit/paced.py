"""A provider that streams for ever at a steady pace, over TLS: `python -m bench_kit.paced CERTIFICATE KEY PORT`.

Prints its port when it listens. Every POST is answered with a stream of `PER_SECOND` events a second until the other
side hangs up. An event says when it was sent. The events of all streams are spread evenly over time.
"""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import ssl
import sys
import threading
import time

from bench_kit import traffic

PER_SECOND = 60
MARK = b'"sent": "'
"""Comes before the time of sending: `time.perf_counter_ns`, 20 digits."""
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_CHOICE = {"index": 0, "delta": {"content": "words "}, "finish_reason": None}
_DATA = json.dumps({**traffic.HEAD, "sent": "@", "object": "chat.completion.chunk", "choices": [_CHOICE]})
_BEFORE, _, _AFTER = (b"data: %b\n\n" % _DATA.encode()).partition(b"@")
_START = b"%x\r\n%b" % (len(_BEFORE) + 20 + len(_AFTER), _BEFORE)
_END = _AFTER + b"\r\n"


def serve(connection: socket.socket, context: ssl.SSLContext, ready: queue.SimpleQueue[ssl.SSLSocket]) -> None:
    """Read one request; from then on the pacer has the connection."""
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = context.wrap_socket(connection, server_side=True)
        received = b""
        while b'"stream": true' not in received:
            data = stream.recv(65536)
            if not data:
                return
            received += data
        stream.sendall(_HEAD)
        stream.setblocking(False)
        ready.put(stream)
    except OSError:
        connection.close()


def pace(ready: queue.SimpleQueue[ssl.SSLSocket]) -> None:
    """Send each stream its events when they are due."""
    streams: list[ssl.SSLSocket] = []
    turn, due = 0, time.perf_counter()
    while True:
        with contextlib.suppress(queue.Empty):
            while True:
                streams.append(ready.get(block=not streams))
        wait = due - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        due = max(due, time.perf_counter() - 0.1) + 1 / (PER_SECOND * len(streams))
        turn = (turn + 1) % len(streams)
        try:
            streams[turn].send(b"%b%020d%b" % (_START, time.perf_counter_ns(), _END))
        except ssl.SSLWantWriteError:
            pass  # a client that does not read gets nothing
        except OSError:
            streams.pop(turn).close()
            turn = 0


def main(certificate: str, key: str, port: str) -> None:
    """Serve until standard input ends: then whoever started this is gone."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=1024)
    ready: queue.SimpleQueue[ssl.SSLSocket] = queue.SimpleQueue()

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, context, ready), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    threading.Thread(target=pace, args=(ready,), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:4])
