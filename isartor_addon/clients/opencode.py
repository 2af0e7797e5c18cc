"""opencode."""

from __future__ import annotations

from isartor_addon.clients.generic import GENERAL, RUN_IDS, WRAPPING
from isartor_addon.core.client import Client, Declared

CLIENT = Client(
    name="opencode",
    agents=("opencode/",),
    headers=frozenset({"x-opencode-session", "x-opencode-request", "x-opencode-project", "x-opencode-client"}),
    volatile=GENERAL,
    wrapping=WRAPPING,
    run_ids=RUN_IDS | {"session": (Declared(header="x-opencode-session"), *RUN_IDS["session"])},
)
