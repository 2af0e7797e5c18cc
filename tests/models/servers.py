"""Servers of embeddings, on loopback."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def tei(asked):
    return [[float(len(text)), 3.0] for text in asked["inputs"]]


def openai(asked):
    data = [{"index": place, "embedding": [float(len(text)), 3.0]} for place, text in enumerate(asked["input"])]
    return {"object": "list", "data": data[::-1], "usage": {"prompt_tokens": 3}}


class Fake:
    """A server of embeddings: `answer` makes the reply of what was asked, or is one: status and body."""

    def __init__(self, answer) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict, dict]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                fake.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                status, reply = (200, fake.answer(body)) if callable(fake.answer) else fake.answer
                data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def serving(answer):
    fake = Fake(answer)
    thread = threading.Thread(target=fake.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield fake
    finally:
        fake.server.shutdown()
        thread.join()
        fake.server.server_close()
