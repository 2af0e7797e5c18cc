"""A server on loopback that a client of any wire asks, and behind it fake providers of all wires.

`http://.../WIRE/...` is answered by the provider of that wire: the request is translated to it, its reply back.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import orjson

from isartor_addon.core.reply import Reply
from isartor_addon.wire import WIRES, find
from isartor_addon.wire.base import Mode, Wire
from isartor_addon.wire.translate import Passage, offered, translate_request
from tests.fake import anthropic, gemini, openai, responses
from tests.fake.model import Model
from tests.fake.plan import Asked, Said

MODELS: Mapping[str, str] = {
    "openai_chat": "gpt-4o",
    "openai_responses": "gpt-4o",
    "anthropic_messages": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
}
_PROVIDERS: Mapping[str, Callable[[Asked, Model], Said | None]] = {
    "openai_chat": openai.chat,
    "openai_responses": responses.responses,
    "anthropic_messages": anthropic.messages,
    "gemini": gemini.gemini,
}


@contextlib.contextmanager
def translator() -> Iterator[tuple[str, list[Reply]]]:
    """The server's URL, and what the providers have said, as their own wires read it."""
    said: list[Reply] = []
    model = Model()

    class Between(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
            url = urlsplit(self.path)
            name, _, path = url.path.removeprefix("/").partition("/")
            query = dict(parse_qsl(url.query))
            (route,) = find("POST", "host", f"/{path}", query)
            mode, provider = route.wire.mode(route, body), WIRES[name]
            asked = translate_request(route, body, provider, model=MODELS[name], stream=mode != "json")
            answer = _PROVIDERS[name](_asked(name, orjson.loads(orjson.dumps(asked)), stream=mode != "json"), model)
            assert answer is not None
            source_mode = _mode(provider, stream=mode != "json")
            passage = Passage(provider, source_mode, route.wire, mode, offered=offered(route, body))
            self.send_response(200)
            self.send_header("content-type", route.wire.content_type(mode))
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for piece in answer.pieces:
                self._send(passage.feed(piece))
            self._send(passage.close())
            self.wfile.write(b"0\r\n\r\n")
            said.append(provider.read(source_mode, b"".join(answer.pieces)))

        def _send(self, pieces: list[bytes]) -> None:
            for piece in pieces:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Between) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", said
        finally:
            server.shutdown()
            thread.join()


def _asked(name: str, body: dict[str, object], *, stream: bool) -> Asked:
    verb = "streamGenerateContent" if stream else "generateContent"
    path = f"/v1beta/models/{MODELS[name]}:{verb}" if name == "gemini" else "/"
    return Asked("POST", "host", path, {"alt": "sse"} if stream else {}, {}, body)


def _mode(provider: Wire, *, stream: bool) -> Mode:
    if not stream:
        return "json"
    return "sse+usage" if provider.name == "openai_chat" else "sse"
