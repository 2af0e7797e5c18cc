"""Between mitmproxy's flows and the house's values."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import parse_qsl

from mitmproxy import http
from mitmproxy.net.http import status_codes

from isartor_addon.core.exchange import Exchange, Request
from isartor_addon.intake import CONTROL_HEADERS

PROVIDER_TAG = "l3"
"""The layer that stands for the provider."""
_KEPT = frozenset({"content-type"})
_OWN = frozenset(name.encode() for name in CONTROL_HEADERS)


def headers_of(message: http.Message) -> dict[str, str]:
    """The headers by lower-case name; several of one name are joined with ", " (RFC 9110, 5.3), cookies with "; " (RFC
    9113, 8.2.3).
    """
    return _joined(message.headers.fields)


def _joined(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in fields:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        between = "; " if name == "cookie" else ", "
        headers[name] = f"{headers[name]}{between}{value}" if name in headers else value
    return headers


def query_of(query: str) -> dict[str, str]:
    """The query's values by name; several of one name are joined with "&"."""
    values: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True) if query else ():
        values[name] = f"{values[name]}&{value}" if name in values else value
    return values


def request_of(flow: http.HTTPFlow) -> Request:
    """Read a flow's request head."""
    request = flow.request
    path, _, query = request.path.partition("?")
    return Request(
        method=request.method,
        scheme=request.scheme,
        host=request.host.lower().rstrip("."),
        port=request.port,
        path=path,
        query=query_of(query),
        headers=headers_of(request),
        query_string=query,
    )


def strip_own(request: http.Request, *, own: Iterable[str]) -> None:
    """Take off what is said to us alone; `own` are the headers that have a name of the operator's."""
    _take_off(request, _OWN.union(name.lower().encode() for name in own))


def strip_control(request: http.Request, *, own: Iterable[str]) -> None:
    """The same for a request that we serve, whose `cache-control` is said to us, too."""
    strip_own(request, own=own)
    said = b", ".join(value.lower() for name, value in request.headers.fields if name.lower() == b"cache-control")
    if b"no-cache" in said or b"no-store" in said:
        _take_off(request, {b"cache-control"})


def _take_off(message: http.Message, names: Collection[bytes]) -> None:
    """One walk for all of them: mitmproxy's headers take one, and an exception, for each."""
    fields = message.headers.fields
    kept = tuple(field for field in fields if field[0].lower() not in names)
    if len(kept) < len(fields):
        message.headers.fields = kept


def tell(response: http.Response, told: Mapping[str, str]) -> None:
    """Set response headers, in place of any of these names."""
    fields = [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in told.items()]
    _take_off(response, {name for name, _ in fields})
    response.headers.fields += tuple(fields)


def kept_headers(response: http.Response, extra: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The headers of a provider's response that are replayed with its body."""
    names = {name.encode() for name in _KEPT.union(extra)}
    return tuple(_joined(field for field in response.headers.fields if field[0].lower() in names).items())


def said(exchange: Exchange, *, layer: str, deflected: bool, age_s: int | None = None) -> dict[str, str]:
    """The response headers that tell what happened."""
    headers = {
        "x-isartor-layer": layer,
        "x-isartor-deflected": "true" if deflected else "false",
        "x-isartor-provider": exchange.request.host,
        "x-isartor-key": exchange.identity.short,
    }
    if exchange.quota:
        headers["x-isartor-quota"] = exchange.quota
    if age_s is not None:
        headers["x-isartor-age"] = str(age_s)
    return headers


def make_response(
    status: int, body: bytes, recorded: Iterable[tuple[str, str]], told: Mapping[str, str] | None = None
) -> http.Response:
    """A response of our own; the body is sent as it is, which `http.Response.make` would look into first."""
    fields = [
        (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in _fields(len(body), recorded, told or {})
    ]
    reason, now = status_codes.RESPONSES.get(status, "").encode(), time.time()
    return http.Response(b"HTTP/1.1", status, reason, http.Headers(fields), body, None, now, now)


def written_response(status: int, body: bytes, recorded: Iterable[tuple[str, str]], told: Mapping[str, str]) -> bytes:
    """The bytes that mitmproxy sends for `make_response` over HTTP/1."""
    lines = [f"HTTP/1.1 {status} {status_codes.RESPONSES.get(status, '')}"]
    lines += map(": ".join, _fields(len(body), recorded, told))
    lines.append("\r\n")
    return "\r\n".join(lines).encode("latin-1", "replace") + body


def _fields(size: int, recorded: Iterable[tuple[str, str]], told: Mapping[str, str]) -> list[tuple[str, str]]:
    # A cassette that somebody has written may hold a length.
    fields = [field for field in recorded if field[0].lower() != "content-length"]
    fields += told.items()
    fields.append(("content-length", str(size)))
    return fields


def json_response(status: int, body: bytes, told: Mapping[str, str] | None = None) -> http.Response:
    """A JSON response of our own."""
    return make_response(status, body, (("content-type", "application/json"),), told)
