"""Contentviews: the prompt and the reply of an LLM flow, readable, in mitmweb and the console."""

from __future__ import annotations

import orjson
from mitmproxy import contentviews, http

from isartor_addon import wire
from isartor_addon.core.errors import IsartorError
from isartor_addon.core.readable import readable_prompt, readable_reply
from isartor_addon.intake import read_body
from isartor_addon.proxy.convert import query_of
from isartor_addon.wire.base import Mode, Route

STREAM_MODES: dict[str, Mode] = {"text/event-stream": "sse", "application/x-ndjson": "ndjson"}


class LLMContentview(contentviews.Contentview):
    """Shows what is asked and answered instead of how the wire says it."""

    @property
    def name(self) -> str:
        """As people choose it."""
        return "LLM"

    def prettify(self, data: bytes, metadata: contentviews.Metadata) -> str:
        """
        Raises:
            ValueError: this is no message of a known wire.
        """
        flow = metadata.flow
        routes = _routes(flow)
        if not routes or not isinstance(flow, http.HTTPFlow):
            raise ValueError("not a request to a model")
        try:
            body, route = read_body(routes, flow.request.get_content(strict=False) or b"")
            if isinstance(metadata.http_message, http.Response):
                return readable_reply(route.wire.read(_mode(metadata.content_type or "", route, data), data))
            return readable_prompt(route.wire.parse(route, body))
        except (IsartorError, orjson.JSONDecodeError) as error:
            raise ValueError(str(error)) from error

    def render_priority(self, data: bytes, metadata: contentviews.Metadata) -> float:
        """Chosen by itself for messages of a known wire, but not for errors."""
        response = metadata.http_message
        if isinstance(response, http.Response) and response.status_code != 200:
            return -1
        return 3 if data and any(route.operation == "generate" for route in _routes(metadata.flow)) else -1


def _routes(flow: object) -> tuple[Route, ...]:
    if not isinstance(flow, http.HTTPFlow):
        return ()
    path, _, query = flow.request.path.partition("?")
    return wire.find(flow.request.method, flow.request.host, path, query_of(query))


def _mode(content_type: str, route: Route, data: bytes) -> Mode:
    kind = content_type.partition(";")[0].strip().lower()
    if kind in STREAM_MODES:
        return STREAM_MODES[kind]
    is_array = route.mode == "array" or data.lstrip().startswith(b"[")
    return "array" if is_array else "json"


def register() -> None:
    """Add the view to mitmproxy's."""
    contentviews.add(LLMContentview())
