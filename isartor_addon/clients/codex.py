"""Codex CLI, by API key or by ChatGPT login, over HTTP and WebSocket.

Its items' ids, turn ids and clocks, and the times at the beginning of tool results, are named in the general table.
"""

from __future__ import annotations

from isartor_addon.clients.generic import GENERAL, RUN_IDS, WRAPPING
from isartor_addon.core.client import Client, Declared

CLIENT = Client(
    name="codex",
    agents=("codex_", "codex-", "codex/"),
    headers=frozenset({"x-codex-turn-metadata", "x-codex-window-id", "x-codex-beta-features"}),
    volatile=GENERAL,
    wrapping=WRAPPING,
    run_ids=RUN_IDS
    | {
        "session": (Declared(header="session-id"), Declared(body=("client_metadata", "session_id"))),
        "thread": (Declared(header="thread-id"), Declared(body=("client_metadata", "thread_id"))),
        "turn": (Declared(body=("client_metadata", "turn_id")),),
    },
    environment={"CODEX_CA_CERTIFICATE": "{ca}"},
)
