"""What a flow shows of what happened to it: a mark, a comment, plain metadata. mitmweb and the console display them."""

from __future__ import annotations

from mitmproxy import http

from isartor_addon.core.exchange import Exchange

MARKS = {
    "hit": ":zap:",
    "stream": ":busts_in_silhouette:",
    "forward": ":cloud:",
    "relay": ":cloud:",
    "refuse": ":no_entry:",
    "fault": ":warning:",
}


def show(flow: http.HTTPFlow, exchange: Exchange, outcome: str, summary: str) -> None:
    """
    Mark `flow`.

    Args:
        outcome: a key of `MARKS`.
        summary: a few words for the comment.
    """
    flow.marked = MARKS[outcome]
    flow.comment = f"isartor: {summary} [{exchange.client.name}, key {exchange.identity.short}]"
    flow.metadata["isartor"] = {
        "key": exchange.identity.key,
        "client": exchange.client.name,
        "wire": exchange.route.wire.name,
        "outcome": outcome,
    }


def show_trail(flow: http.HTTPFlow, exchange: Exchange) -> None:
    """Write the trail into the metadata, once the exchange has ended."""
    flow.metadata.setdefault("isartor", {})["trail"] = [
        {"layer": step.layer, "outcome": step.outcome, "note": step.note} for step in exchange.trail
    ]
