"""OpenAI's Agents SDK: `prompt_cache_key` differs from run to run, which the general table names."""

from __future__ import annotations

from isartor_addon.clients.generic import GENERAL, RUN_IDS, WRAPPING
from isartor_addon.core.client import Client, Declared

CLIENT = Client(
    name="openai_agents",
    agents=("agents/",),
    volatile=GENERAL,
    wrapping=WRAPPING,
    run_ids=RUN_IDS | {"session": (*RUN_IDS["session"], Declared(body=("prompt_cache_key",)))},
)
