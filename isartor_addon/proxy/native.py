"""Native prompts (`{"prompt": ...}`) at the door: no provider speaks them, so they go on as OpenAI chat requests."""

from __future__ import annotations

import orjson
from mitmproxy import http

from isartor_addon.core.errors import BadReply, Untranslatable
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.reply import Usage
from isartor_addon.proxy.door import Target
from isartor_addon.wire import native, openai_chat
from isartor_addon.wire.usage import said_something, usage_so_far


def send_as_chat(flow: http.HTTPFlow, exchange: Exchange, *, target: Target, default_model: str) -> None:
    """
    Make `flow` a chat request to `target`.

    Args:
        default_model: for prompts that name none.
    """
    prompt = native.WIRE.parse(exchange.route, exchange.body)
    body = openai_chat.WIRE.render(prompt)
    body["model"] = prompt.model or default_model
    request = flow.request
    request.scheme, request.host, request.port, request.path = target.scheme, target.host, target.port, target.path
    request.headers.pop("content-encoding", None)
    request.headers["content-type"] = "application/json"
    request.content = orjson.dumps(body)


def answer_as_native(response: http.Response) -> Usage | None:
    """Turn a chat reply, or a provider's error, into a native reply, in place; give the usage, which it cannot say."""
    content = response.get_content(strict=False) or b""
    response.headers.pop("content-encoding", None)
    response.headers["content-type"] = "application/json"
    try:
        if response.status_code != 200:
            raise BadReply(_message_of(content))
        reply = openai_chat.WIRE.read("json", content)
    except (BadReply, Untranslatable) as error:
        status = response.status_code if response.status_code != 200 else 502
        response.status_code = status
        response.content = native.WIRE.error(status, "provider_error", str(error))
        return usage_so_far(openai_chat.WIRE, "json", content)
    response.content = orjson.dumps(native.WIRE.write_reply(reply))
    return said_something(reply.billed)


def _message_of(content: bytes) -> str:
    try:
        return str(orjson.loads(content)["error"]["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "the provider answered with an error"
