"""Requests as the tests ask them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from isartor_addon import clients
from isartor_addon.core.exchange import Request
from isartor_addon.core.identity import Identity, identify
from isartor_addon.wire import find

ANTHROPIC = "https://api.anthropic.com/v1/messages"
CHAT = "https://api.openai.com/v1/chat/completions"
RESPONSES = "https://api.openai.com/v1/responses"
GEMINI = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"


def ask(
    url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None, *, caller: str = "someone"
) -> Identity:
    """The identity of a POST of `body` to `url`."""
    headers = headers or {}
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    host = parts.hostname or ""
    request = Request("POST", parts.scheme, host, parts.port or 443, parts.path, query, headers)
    route = find("POST", host, parts.path, query)[0]
    client = clients.recognise(headers)
    run_ids = clients.run_ids(client, headers, body)
    return identify(request=request, route=route, body=body, client=client, caller=caller, run_ids=run_ids)
