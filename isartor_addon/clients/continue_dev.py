"""Continue. Its own two runs are identical bytes; the general table serves it."""

from __future__ import annotations

from isartor_addon.clients.generic import GENERAL, RUN_IDS, WRAPPING
from isartor_addon.core.client import Client

CLIENT = Client(
    name="continue_dev",
    agents=("continue/",),
    headers=frozenset({"x-continue-provider"}),
    volatile=GENERAL,
    wrapping=WRAPPING,
    run_ids=RUN_IDS,
)
