"""Formats that nobody outside their vendors can decode: declared here, and passed, streaming in both directions.

They are told by their content type. A provider's host may speak one of them on one path and a known wire on another.
"""

from __future__ import annotations

PASS_ONLY: dict[str, str] = {
    "application/grpc": "gRPC",
    "application/connect+": "Connect streaming RPC: Cursor's own models",
    "application/proto": "Connect unary RPC: Cursor's side calls",
    "application/x-protobuf": "protocol buffers",
    "application/vnd.amazon.eventstream": "AWS event streams: Kiro's and Bedrock's own protocol",
}
"""Beginnings of content types, and what they are."""

_BEGINNINGS = tuple(PASS_ONLY)


def is_pass_only(content_type: str) -> bool:
    """Whether a body of this content type passes unread."""
    return content_type.lower().startswith(_BEGINNINGS)
