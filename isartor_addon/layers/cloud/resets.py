"""HTTP/2 with callers that leave: tell the provider.

When a caller leaves an HTTP/2 stream, httpcore2 2.16 forgets it and says nothing: the provider goes on, and is paid.
With this, RST_STREAM is sent (RFC 9113, 8.1), and nobody else on the same connection is disturbed. It touches names
that the library does not promise; when they have moved, HTTP/2 stays off, and over HTTP/1.1 closing the connection says
the same.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import cache
from typing import Any

logger = logging.getLogger(__name__)

_WRITE_S = 5.0
"""How long telling may take."""


@cache
def teach() -> bool:
    """Make all HTTP/2 connections of httpcore2 do so, once; whether that could be done."""
    try:
        from h2.errors import ErrorCodes
        from h2.exceptions import ProtocolError
        from httpcore2 import NetworkError, TimeoutException
        from httpcore2._async.http2 import AsyncHTTP2Connection

        forget = AsyncHTTP2Connection._response_closed
    except (ImportError, AttributeError) as error:
        logger.warning("providers are asked over HTTP/1.1 only: %s", error)
        return False

    async def reset_and_forget(self: Any, stream_id: int) -> None:
        stream = self._h2_state.streams.get(stream_id)
        if stream is not None and not stream.closed:
            # A connection that is gone needs no telling.
            with suppress(ProtocolError, NetworkError, TimeoutException):
                self._h2_state.reset_stream(stream_id, ErrorCodes.CANCEL)
                async with self._write_lock:
                    await self._network_stream.write(self._h2_state.data_to_send(), _WRITE_S)
        await forget(self, stream_id)

    AsyncHTTP2Connection._response_closed = reset_and_forget  # type: ignore[method-assign]
    return True
