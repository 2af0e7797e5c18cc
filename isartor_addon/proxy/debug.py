"""`GET /debug/providers` at the door: how providers fare in the process that answers."""

from __future__ import annotations

import orjson
from mitmproxy import http

from isartor_addon import wire
from isartor_addon.assemble import House
from isartor_addon.proxy import convert
from isartor_addon.proxy.ours import sender_of

PATH = "/debug/providers"


def is_for_us(request: http.Request) -> bool:
    """Whether a request to the door asks for it."""
    return request.method == "GET" and request.path.partition("?")[0] == PATH


def answer(flow: http.HTTPFlow, house: House) -> http.Response:
    """The document, for this machine and for whoever has shown the proxy's token; a refusal for all others."""
    sender = sender_of(flow)
    if not (sender.trusted or sender.user):
        return convert.json_response(403, wire.openai_chat.WIRE.error(403, "forbidden", "isartor: not from there"))
    return convert.json_response(200, orjson.dumps(house.report_providers()))
