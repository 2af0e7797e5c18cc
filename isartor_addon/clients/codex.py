"""Codex CLI, by API key or by ChatGPT login, over HTTP and WebSocket."""

from __future__ import annotations

import re

from isartor_addon.clients.generic import GENERAL, RUN_IDS
from isartor_addon.core.client import Client, Declared, TextRule, Volatile

CLIENT = Client(
    name="codex",
    agents=("codex_", "codex-", "codex/"),
    headers=frozenset({"x-codex-turn-metadata", "x-codex-window-id", "x-codex-beta-features"}),
    # The items' ids, turn ids and clocks stand in fields that the general table names. What is left is how long a tool
    # took, at the beginning of its result.
    volatile=GENERAL
    | Volatile(
        text=(
            TextRule(
                place="tool",
                hint="Script ",
                pattern=re.compile(r"(Script [a-z ]{1,40}\n)Wall time [0-9.]+ seconds\n"),
                replacement=r"\1",
                starts=True,
            ),
            TextRule(
                place="tool",
                hint='{"chunk_id":',
                pattern=re.compile(r'\{"chunk_id":"[0-9a-f]+","wall_time_seconds":[0-9.eE+-]+,'),
                replacement="{",
                starts=True,
            ),
            TextRule(
                place="tool",
                hint="Chunk ID: ",
                pattern=re.compile(r"Chunk ID: [0-9a-f]+\nWall time: [0-9.]+ seconds\n"),
                starts=True,
            ),
            TextRule(
                place="tool",
                hint="Exit code: ",
                pattern=re.compile(r"(Exit code: -?[0-9]+\n)Wall time: [0-9.]+ seconds\n"),
                replacement=r"\1",
                starts=True,
            ),
        )
    ),
    run_ids=RUN_IDS
    | {
        "session": (Declared(header="session-id"), Declared(body=("client_metadata", "session_id"))),
        "thread": (Declared(header="thread-id"), Declared(body=("client_metadata", "thread_id"))),
        "turn": (Declared(body=("client_metadata", "turn_id")),),
    },
    environment={"CODEX_CA_CERTIFICATE": "{ca}"},
)
