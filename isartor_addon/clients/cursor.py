"""Cursor. Its own protocol is binary RPC, which passes through; only OpenAI-shaped calls are read."""

from __future__ import annotations

from isartor_addon.clients.generic import GENERAL, RUN_IDS, WRAPPING
from isartor_addon.core.client import Client

CLIENT = Client(
    name="cursor",
    agents=("cursor/",),
    headers=frozenset({"x-cursor-checksum", "x-cursor-client-version", "x-ghost-mode"}),
    volatile=GENERAL,
    wrapping=WRAPPING,
    run_ids=RUN_IDS,
    note="Cursor's own models speak a binary protocol that passes through uncached.",
)
