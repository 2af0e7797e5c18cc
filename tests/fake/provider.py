"""The provider: one server thread, on a plain and a TLS port, that stands in for every provider's host.

Tests see `calls` (what arrived) and lay down `Plan`s (what shall go wrong); both may be touched from any thread.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import WSMsgType, web

from tests.fake import anthropic, gemini, ollama, openai, responses
from tests.fake.accounts import account
from tests.fake.certificates import Authority
from tests.fake.delivery import decode, deliver, wait
from tests.fake.model import Model
from tests.fake.plan import Asked, Call, Plan, Said, whole

PATIENCE_S = 20.0
"""How long a test waits for something that must happen."""

type Routes = tuple[tuple[str, Callable[[Asked, Model], Said]], ...]
_ROUTES: Routes = (
    ("/chat/completions", openai.chat),
    ("/completions", openai.completions),
    ("/embeddings", openai.embeddings),
    ("/responses", responses.responses),
    ("/responses/input_tokens", lambda asked, _: responses.count(asked)),
    ("/messages", anthropic.messages),
    ("/messages/count_tokens", lambda asked, _: anthropic.count(asked)),
    ("/api/chat", ollama.ollama),
    ("/api/generate", ollama.ollama),
)


class Provider:
    """The fake provider; use as a context manager."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.calls: list[Call] = []
        self.websocket_status = 101
        """Anything else: WebSocket upgrades are refused with it."""
        self.weather: Callable[[str, str], Plan | None] | None = None
        """Asked for the plan of a request that no other is for, by its host and its body."""
        self.port = 0
        self.tls_port = 0
        self._plans: list[Plan] = []
        self._model = Model()
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="fake provider", daemon=True)
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> Provider:
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def plan(self, plan: Plan) -> Plan:
        """Lay down a plan; of several that fit the newest counts."""
        self._plans.insert(0, plan)
        return plan

    def open(self, plan: Plan, times: int = 1) -> None:
        """Open a plan's gate for as many replies."""
        for _ in range(times):
            self._loop.call_soon_threadsafe(plan.gate.release)

    def about(self, marker: str) -> list[Call]:
        """The calls whose body or path holds `marker`, oldest first."""
        return [call for call in list(self.calls) if marker in call.text or marker in call.path]

    def generations(self, marker: str) -> int:
        """How many of them reached the model."""
        return sum(call.generated for call in self.about(marker))

    def until(self, happened: Callable[[], bool], what: str = "it") -> None:
        """Wait for something that happens here, or fail."""
        with self._changed:
            if not self._changed.wait_for(happened, PATIENCE_S):
                raise AssertionError(f"the provider waited {PATIENCE_S} s in vain for {what}")

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    async def _start(self) -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app,
            auto_decompress=False,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=0.5,
            max_line_size=1 << 20,
            max_field_size=1 << 20,
        )
        await self._runner.setup()
        plain = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=512)
        tls = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=512, ssl_context=self.authority.server())
        await plain.start()
        await tls.start()
        self.port, self.tls_port = (address[1] for address in self._runner.addresses)

    async def _stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = self._record(request)
        try:
            if request.headers.get("upgrade", "").lower() == "websocket":
                return await self._socket(request, call)
            if request.content_type.startswith("application/connect+"):
                return await self._echo(request, call)
            await self._receive(request, call)
            return await self._reply(request, call)
        except (asyncio.CancelledError, ConnectionError):
            call.ended = call.ended or "left"
            raise
        finally:
            call.ended = call.ended or "complete"
            self._notify()

    def _record(self, request: web.Request) -> Call:
        call = Call(
            number=len(self.calls) + 1,
            method=request.method,
            scheme=request.scheme,
            host=request.host.partition(":")[0],
            path=request.path,
            query=request.query_string,
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers),
        )
        self.calls.append(call)
        self._notify()
        return call

    async def _receive(self, request: web.Request, call: Call) -> None:
        while chunk := await request.content.readany():
            call.received += chunk
            self._notify()
        call.whole = True
        try:
            body = decode(bytes(call.received), request.headers.get("content-encoding", ""))
        except ValueError:
            body = bytes(call.received)
        call.text = body.decode("utf-8", "replace")

    async def _echo(self, request: web.Request, call: Call) -> web.StreamResponse:
        """A binary RPC whose sides take turns: each piece is answered before the next is sent."""
        response = web.StreamResponse(headers={"content-type": request.content_type})
        await response.prepare(request)
        while chunk := await request.content.readany():
            call.received += chunk
            await response.write(chunk)
        return response

    def _planned(self, text: str, path: str = "") -> Plan:
        for plan in self._plans:
            if plan.used < plan.times and (plan.marker in text or plan.marker in path):
                plan.used += 1
                return plan
        return Plan("")

    async def _reply(self, request: web.Request, call: Call) -> web.StreamResponse:
        plan = self._planned(call.text, call.path)
        if not plan.marker and self.weather is not None:
            plan = self.weather(call.host, call.text) or plan
        said = self._said(asked_of(request, call.text), plan)
        call.generated = said.generated
        self._notify()
        return await deliver(request, said, plan, call, self._notify)

    def _said(self, asked: Asked, plan: Plan) -> Said:
        if plan.status != 200:
            said = Said((error(asked, plan.status, f"planned {plan.status}"),), generated=True)
            return replace(said, status=plan.status)
        if asked.method == "POST" and isinstance(asked.body, dict):
            found = gemini.gemini(asked, self._model)
            for suffix, answer in _ROUTES if found is None else ():
                if asked.path.endswith(suffix):
                    return answer(asked, self._model)
            if found is not None:
                return found
        known = account(asked)
        if known is not None or plan.pieces is not None:
            return known or whole({})
        if _provider_like(asked.host):
            return replace(Said((error(asked, 404, "Not found"),)), status=404)
        return Said((f"origin {asked.host} {asked.path}".encode(),), "text/plain")

    async def _socket(self, request: web.Request, call: Call) -> web.StreamResponse:
        if self.websocket_status != 101 or not request.path.endswith("/responses"):
            status = self.websocket_status if self.websocket_status != 101 else 404
            body = openai.error(status, "no socket here")
            return web.Response(body=body, status=status, content_type="application/json")
        socket = web.WebSocketResponse(max_msg_size=64 << 20)
        await socket.prepare(request)
        async for message in socket:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                await self._message(socket, request, message.data)
        return socket

    async def _message(self, socket: web.WebSocketResponse, request: web.Request, data: str | bytes) -> None:
        call = replace(self._record(request), method="MESSAGE", path=request.path)
        self.calls[-1] = call
        call.text = data if isinstance(data, str) else data.decode()
        call.received += call.text.encode()
        call.whole = True
        body = json.loads(call.text)
        plan = self._planned(call.text)
        if body.get("type") == "response.create":
            call.generated = True
            said = responses.messages(body, self._model)
            await self._say(socket, said, plan, call)
        call.ended = call.ended or "complete"
        self._notify()

    async def _say(self, socket: web.WebSocketResponse, said: Said, plan: Plan, call: Call) -> None:
        if plan.status != 200:
            event = json.loads(openai.error(plan.status, f"planned {plan.status}"))
            await socket.send_str(json.dumps({"type": "error", "status": plan.status, **event}))
            return
        for index, piece in enumerate(said.pieces if plan.pieces is None else plan.pieces):
            await wait(plan, index, self._notify)
            if plan.cut == index:
                call.ended = "cut"
                await socket.close(code=1011)
                return
            if plan.error_event == index:
                await socket.send_str(said.error_event.decode())
                return
            await socket.send_str(piece.decode())
            call.sent = index + 1
            self._notify()


def asked_of(request: web.Request, text: str) -> Asked:
    """A request as the wires see it."""
    try:
        body = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        body = None
    headers: Mapping[str, str] = {name.lower(): value for name, value in request.headers.items()}
    host = request.host.partition(":")[0]
    return Asked(request.method, host, request.path, dict(request.query), headers, body)


def error(asked: Asked, status: int, message: str) -> bytes:
    """An error in the shape of the wire that was asked."""
    if "/messages" in asked.path or "anthropic" in asked.host:
        return anthropic.error(status, message)
    if "models/" in asked.path or "v1internal" in asked.path:
        return gemini.error(status, message)
    return ollama.error(status, message) if asked.path.startswith("/api/") else openai.error(status, message)


def _provider_like(host: str) -> bool:
    return host.endswith((".com", ".ai", ".test")) and host.startswith(("api.", "chatgpt.", "generativelanguage."))
