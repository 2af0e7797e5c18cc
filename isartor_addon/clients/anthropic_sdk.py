"""Anthropic's SDKs."""

from __future__ import annotations

from isartor_addon.clients.generic import GENERAL, RUN_IDS, WRAPPING
from isartor_addon.core.client import Client

CLIENT = Client(
    name="anthropic_sdk",
    agents=("anthropic/", "asyncanthropic/"),
    volatile=GENERAL,
    wrapping=WRAPPING,
    run_ids=RUN_IDS,
    environment={"NODE_USE_ENV_PROXY": "1"},
    note="In Node the SDK honours the proxy from Node 22.21 on, with NODE_USE_ENV_PROXY=1.",
)
