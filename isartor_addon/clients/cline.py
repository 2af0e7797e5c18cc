"""Cline. Its own two runs are identical bytes; the general table serves it."""

from __future__ import annotations

from isartor_addon.clients.generic import GENERAL, RUN_IDS, WRAPPING
from isartor_addon.core.client import Client, Wrapping

CLIENT = Client(
    name="cline",
    agents=("cline/",),
    headers=frozenset({"x-is-multiroot", "x-core-version"}),
    volatile=GENERAL,
    wrapping=WRAPPING | Wrapping(around=("task",)),
    run_ids=RUN_IDS,
)
