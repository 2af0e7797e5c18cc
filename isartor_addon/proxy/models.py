"""`GET /v1/models` at the door when no provider can be asked: the models asked for lately, or those recorded."""

from __future__ import annotations

import asyncio

import orjson
from mitmproxy import http

from isartor_addon.assemble import House
from isartor_addon.observe.journal import KEPT
from isartor_addon.proxy import convert

PATH = "/v1/models"
ASKED = "isartor_models"
"""In a flow's metadata: it asks for this list."""
_CREDENTIALS = ("authorization", "x-api-key", "x-goog-api-key", "api-key")


def is_for_us(request: http.Request, *, replaying: bool) -> bool:
    """Whether a request to the door asks for models and brings nothing with which a provider could be asked."""
    if request.method != "GET" or request.path.partition("?")[0] != PATH:
        return False
    return replaying or not any(name in request.headers for name in _CREDENTIALS)


async def answer(house: House) -> http.Response:
    """The list, in OpenAI's shape."""
    hosts = await asyncio.to_thread(_known, house)
    data = [{"id": model, "object": "model", "created": 0, "owned_by": hosts[model]} for model in sorted(hosts)]
    return convert.json_response(200, orjson.dumps({"object": "list", "data": data}))


def _known(house: House) -> dict[str, str]:
    if house.config.cassette:
        return {entry.model: entry.host for entry in house.store.entries() if entry.model}
    return {record.model: record.host for record in house.journal.recent(KEPT) if record.model}
