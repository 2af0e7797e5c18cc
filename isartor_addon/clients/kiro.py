"""Kiro. Its own protocol is binary event streams, which pass through; only OpenAI-shaped calls are read."""

from __future__ import annotations

from isartor_addon.clients.generic import GENERAL, RUN_IDS, WRAPPING
from isartor_addon.core.client import Client

CLIENT = Client(
    name="kiro",
    agents=("kiro/", "kiroide"),
    headers=frozenset({"x-kiro-version", "x-kiro-client-id"}),
    volatile=GENERAL,
    wrapping=WRAPPING,
    run_ids=RUN_IDS,
    note="Kiro's own models speak a binary protocol that passes through uncached.",
)
