"""OpenClaw. Where it sends no name of its own, it is the SDK it speaks through."""

from __future__ import annotations

from isartor_addon.clients.generic import GENERAL, RUN_IDS, WRAPPING
from isartor_addon.core.client import Client

CLIENT = Client(
    name="openclaw",
    agents=("openclaw",),
    volatile=GENERAL,
    wrapping=WRAPPING,
    run_ids=RUN_IDS,
    environment={"NODE_USE_ENV_PROXY": "1"},
)
