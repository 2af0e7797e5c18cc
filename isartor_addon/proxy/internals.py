"""The only file that touches names of mitmproxy's core that its addon interface does not promise.

`rehearse` tries them out at start-up, on layers that no connection has. Where it finds that they have moved, what is
built on them stays off and the hooks do everything.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable
from typing import Any, cast

from mitmproxy import connection, http
from mitmproxy.master import Master
from mitmproxy.net.http import url
from mitmproxy.net.http.http1 import connection_close, expected_http_body_size, read_request_head
from mitmproxy.options import Options
from mitmproxy.proxy import commands, context, events, layer, mode_specs
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers.http import _hooks, _http1

from isartor_addon.proxy.rehearsal import first_fault

type Commands = Generator[commands.Command, Any, None]
type Step = Callable[[events.Event], Commands]
type HttpLayer = http_layers.HttpLayer
type Http1Server = _http1.Http1Server

_FLOW_HOOKS = (
    _hooks.HttpRequestHeadersHook,
    _hooks.HttpRequestHook,
    _hooks.HttpResponseHeadersHook,
    _hooks.HttpResponseHook,
)
_NOTICE = "Streaming response from "


def http_layer_in(found: layer.Layer | None) -> HttpLayer | None:
    """The HTTP layer that an addon has chosen, also where it lies below layers of TLS."""
    while found is not None and type(found) is not http_layers.HttpLayer:
        found = getattr(found, "child_layer", None)
    return found


def place_before(below: HttpLayer, step: Step) -> Step:
    """Let `step` have all events of a layer; gives what handles them in the layer itself."""
    inner: Step = below.handle_event
    below.handle_event = step  # type: ignore[method-assign, assignment]
    return inner


def server_in(below: HttpLayer) -> Http1Server | None:
    """What reads the client's requests, where it is HTTP/1."""
    server = below.connections.get(below.context.client)
    return server if type(server) is _http1.Http1Server else None


def is_idle(server: Http1Server) -> bool:
    """Whether the client's next byte begins a request."""
    return bool(server.state == server.read_headers and not server.buf)


class Tunnel:
    """What a client sends inside a CONNECT, led past the HTTP layer that has answered it and only hands on by now."""

    def __init__(self, stream: http_layers.HttpStream) -> None:
        self._stream = stream

    def lead(self, event: events.DataReceived, pass_on: Step) -> Commands:
        """Do what the HTTP layer would do, in fewer steps while nothing but bytes for the client comes of it."""
        stream = self._stream
        inside = stream.child_layer
        assert inside is not None
        outcome = inside.handle_event(event)
        for command in outcome:
            if type(command) is commands.SendData and command.connection is event.connection and command.data:
                yield command
                continue
            # Anything else is the HTTP layer's to note: it goes the whole way, with all that follows it.
            stream.child_layer = cast("layer.Layer", _Rest(itertools.chain((command,), outcome)))
            try:
                yield from pass_on(event)
            finally:
                stream.child_layer = inside
            return


def without_notice(outcome: Commands) -> Commands:
    """Leave out the line in the log that a reply streams: a line costs a tenth of what a request does."""
    for command in outcome:
        if type(command) is not commands.Log or not command.message.startswith(_NOTICE):
            yield command


def begun_reply(event: events.Event) -> http.Response | None:
    """The response whose head all addons have seen just now."""
    if type(event) is not events.HookCompleted or type(event.command) is not _hooks.HttpResponseHeadersHook:
        return None
    return event.command.flow.response


class _Rest:
    """In a layer's place: has already handled the event."""

    def __init__(self, outcome: Iterable[commands.Command]) -> None:
        self._outcome = outcome

    def handle_event(self, event: events.Event) -> Commands:
        """Give what came of it."""
        yield from self._outcome


def tunnel_in(below: HttpLayer) -> Tunnel | None:
    """The tunnel that a layer has become, if it has."""
    server = server_in(below)
    if server is None or server.state != server.passthrough or len(below.streams) != 1:
        return None
    (stream,) = below.streams.values()
    is_connect = stream.flow.request.method == "CONNECT" and stream._handle_event == stream.passthrough
    return Tunnel(stream) if is_connect and stream.child_layer is not None and stream.debug is None else None


def read_head(below: HttpLayer, head: bytes) -> http.HTTPFlow:
    """
    Read a request's head as the layer would, into a flow of its own.

    Raises:
        ValueError: the layer would not take it.
    """
    lines = [line.removesuffix(b"\r") for line in head.split(b"\n")[:-2]]
    flow = http.HTTPFlow(below.context.client, below.context.server)
    flow.request = request = read_request_head(lines)
    options, server = below.context.options, below.context.server
    if reason := http_layers.validate_request(below.mode, request, options.validate_inbound_headers):
        raise ValueError(reason)
    if below.mode is http_layers.HTTPMode.transparent:
        assert server.address is not None
        request.data.host, request.data.port = server.address[:2]
        request.scheme = "https" if server.tls else "http"
    elif not request.host:
        _read_authority(request, tls=below.context.client.tls)
    if below.mode is http_layers.HTTPMode.regular:
        request.authority = ""
    reverse = isinstance(below.context.client.proxy_mode, mode_specs.ReverseMode)
    if reverse and not options.keep_host_header:
        assert server.address is not None
        request.host_header = url.hostport("https" if server.tls else "http", *server.address[:2])
    return flow


def _read_authority(request: http.Request, *, tls: bool) -> None:
    """Take the destination from the Host header."""
    host, port = url.parse_authority(request.host_header or "", check=True)
    request.data.host, request.data.port = host, port or (443 if tls else 80)
    request.scheme = "https" if tls else "http"


def body_size(request: http.Request) -> int | None:
    """
    How many bytes follow the head; None where only the body itself says it.

    Raises:
        ValueError: the headers contradict themselves.
    """
    return expected_http_body_size(request)


def closes(request: http.Request) -> bool:
    """Whether the connection ends with the answer."""
    return bool(connection_close(request.http_version, request.headers))


async def trigger(master: Master, flow: http.HTTPFlow) -> None:
    """Have every addon see a flow that is complete."""
    for hook in _FLOW_HOOKS:
        await master.addons.handle_lifecycle(hook(flow))


def addons_of(master: Master) -> tuple[object, ...]:
    """All addons, those of addons among them."""
    return tuple(master.addons.lookup.values())


def replays_for_server(master: Master) -> bool:
    """Whether mitmproxy's own server replay has something to answer with; a command can load it at any time."""
    addon = master.addons.get("serverplayback")
    return addon is None or bool(addon.flowmap)


def rehearse(options: Options) -> str:
    """Try all of this on a connection that there is not; why it does not work, empty if it does."""
    return first_fault(lambda: _faults(options))


def _faults(options: Options) -> Iterable[str]:
    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=0.0)
    client.proxy_mode = mode_specs.ProxyMode.parse("regular")
    below = http_layers.HttpLayer(context.Context(client, options), http_layers.HTTPMode.regular)
    yield "" if http_layer_in(below) is below else "the HTTP layer is another"
    seen: list[events.Event] = []

    def step(event: events.Event) -> Commands:
        seen.append(event)
        yield from inner(event)

    inner = place_before(below, step)
    _run(below, events.Start())
    server = server_in(below)
    if server is None or len(seen) != 1 or not is_idle(server):
        yield "it does not begin idle"
        return
    head = b"POST http://h:1/p?q HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n"
    flow = read_head(below, head)
    request = flow.request
    line = (request.method, request.scheme, request.host, request.port, request.path)
    yield "" if line == ("POST", "http", "h", 1, "/p?q") else "a head is read otherwise"
    yield "" if body_size(request) == 2 and not closes(request) else "a body is framed otherwise"
    _run(below, events.DataReceived(client, b"POST"))
    yield "" if len(seen) == 2 and not is_idle(server) else "it does not begin to read"


def _run(below: HttpLayer, event: events.Event) -> None:
    for command in below.handle_event(event):
        if not isinstance(command, commands.Log):
            raise TypeError(f"{type(command).__name__} comes too early")
