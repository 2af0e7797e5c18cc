"""A provider and a client that speak in bytes, for what no library would send or leave undone."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.e2e.harness import PATIENCE_S, Proxy
from tests.fake import Authority

type Answer = Callable[["Visit", bytes], None]
"""Is given a connection and a request, head and body, and answers it."""


@dataclass(eq=False)
class Visit:
    """One connection to the provider."""

    socket: ssl.SSLSocket
    requests: int = 0
    sent: int = 0
    """Bytes of bodies."""
    blocked: threading.Event = field(default_factory=threading.Event)
    """Set when the other side takes nothing for a while."""
    left: threading.Event = field(default_factory=threading.Event)
    """Set when the connection has ended."""
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """For the test to open, once for each step."""

    def send(self, data: bytes) -> None:
        """Send all of it, and notice when that takes long."""
        view = memoryview(data)
        self.socket.settimeout(0.5)
        while view:
            try:
                done = self.socket.send(view)
            except (TimeoutError, ssl.SSLWantWriteError):
                self.blocked.set()
                continue
            view = view[done:]
            self.sent += done

    def step(self) -> None:
        """Wait for the test."""
        assert self.go.acquire(timeout=PATIENCE_S)


class RawProvider:
    """Serves every host with one way to answer; its port is for the proxy's option `fake_tls`."""

    def __init__(self, authority: Authority, answer: Answer) -> None:
        self.visits: list[Visit] = []
        self._answer = answer
        self._context = authority.server()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Hang up on everybody."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for visit in self.visits:
            with suppress(OSError):
                visit.socket.shutdown(socket.SHUT_RDWR)
            visit.go.release(1000)
            visit.left.wait(PATIENCE_S)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), self._context.wrap_socket(connection, server_side=True) as encrypted:
            visit = Visit(encrypted)
            self.visits.append(visit)
            with suppress(OSError):
                while request := read_message(encrypted):
                    visit.requests += 1
                    self._answer(visit, request)
                    encrypted.settimeout(None)
            visit.left.set()


@contextmanager
def raw_provider(authority: Authority, answer: Answer) -> Iterator[RawProvider]:
    """A raw provider, for a while."""
    provider = RawProvider(authority, answer)
    try:
        yield provider
    finally:
        provider.close()


def read_message(connection: socket.socket) -> bytes:
    """One request with the body that its length announces; nothing at the end of the connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = connection.recv(65536)
        if not data:
            return b""
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    _, _, after = head.lower().partition(b"\r\ncontent-length:")
    missing = int(after.partition(b"\r\n")[0] or 0) - len(body)
    while missing > 0:
        data = connection.recv(65536)
        received += data
        missing -= len(data)
    return received


def connect(proxy: Proxy, host: str = "api.openai.com") -> ssl.SSLSocket:
    """A client's connection to a host through the proxy."""
    raw = socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_S)
    raw.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nhost: {host}:443\r\n\r\n".encode())
    opened = b""
    while not opened.endswith(b"\r\n\r\n"):
        opened += raw.recv(1)
    return proxy.context().wrap_socket(raw, server_hostname=host)


def ask(path: str, body: bytes = b"", host: str = "api.openai.com") -> bytes:
    """A request."""
    method = "POST" if body else "GET"
    head = f"{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer sk\r\ncontent-type: application/json\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def read_until(connection: socket.socket, mark: bytes, before: bytes = b"") -> bytes:
    """Everything up to `mark` and what came with it; all there is when the connection ends before."""
    received = before
    while mark not in received and (data := connection.recv(65536)):
        received += data
    return received
