"""The only file that touches names of mitmproxy's core that its addon interface does not promise.

`rehearse` tries them out at start-up, on layers that no connection has. Where it finds that they have moved, what is
built on them stays off and the hooks do everything.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

from mitmproxy import connection, http
from mitmproxy.master import Master
from mitmproxy.net.http import url
from mitmproxy.net.http.http1 import connection_close, expected_http_body_size, read_request_head
from mitmproxy.options import Options
from mitmproxy.proxy import commands, context, events, layer, mode_specs
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers.http import _hooks, _http1

type Commands = Generator[commands.Command, Any, None]
type Step = Callable[[events.Event], Commands]
type HttpLayer = http_layers.HttpLayer

_FLOW_HOOKS = (
    _hooks.HttpRequestHeadersHook,
    _hooks.HttpRequestHook,
    _hooks.HttpResponseHeadersHook,
    _hooks.HttpResponseHook,
)


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


def is_idle(below: HttpLayer) -> bool:
    """Whether the client's next byte begins an HTTP/1 request."""
    server = below.connections.get(below.context.client)
    return type(server) is _http1.Http1Server and server.state == server.read_headers and not server.buf


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
    try:
        return next(filter(None, _faults(options)), "")
    except Exception as error:
        return f"{type(error).__name__}: {error}"


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
    yield "" if len(seen) == 1 and is_idle(below) else "it does not begin idle"
    head = b"POST http://h:1/p?q HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n"
    flow = read_head(below, head)
    request = flow.request
    line = (request.method, request.scheme, request.host, request.port, request.path)
    yield "" if line == ("POST", "http", "h", 1, "/p?q") else "a head is read otherwise"
    yield "" if body_size(request) == 2 and not closes(request) else "a body is framed otherwise"
    _run(below, events.DataReceived(client, b"POST"))
    yield "" if len(seen) == 2 and not is_idle(below) else "it does not begin to read"


def _run(below: HttpLayer, event: events.Event) -> None:
    for command in below.handle_event(event):
        if not isinstance(command, commands.Log):
            raise TypeError(f"{type(command).__name__} comes too early")
