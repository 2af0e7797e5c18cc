"""Offline: every way in which mitmproxy itself would leave this machine is closed, whoever's request it is."""

from __future__ import annotations

from mitmproxy import connection, dns, http
from mitmproxy.net.dns import response_codes

from isartor_addon.core.errors import Offline
from isartor_addon.core.reach import Reach
from isartor_addon.proxy import convert
from isartor_addon.wire import openai_chat


def held_back(server: connection.Server, reach: Reach) -> str:
    """Why a connection may not be made; empty where it may."""
    ways = (server.address, server.via[1] if server.via else None)
    for way in ways:
        if way is not None and not reach.allows(way[0], way[1]):
            return f"isartor is offline: {way[0]} is not among the hosts that may be reached"
    return ""


def no_name(asked: dns.DNSMessage) -> dns.DNSMessage:
    """The answer to a question for a name."""
    return asked.fail(response_codes.REFUSED)


def refuse(flow: http.HTTPFlow) -> None:
    """Answer a request that is no prompt, to a provider that may not be reached."""
    error = Offline(f"isartor: offline ({flow.request.host})")
    body = openai_chat.WIRE.error(error.status, error.code, str(error))
    flow.response = convert.json_response(error.status, body)
