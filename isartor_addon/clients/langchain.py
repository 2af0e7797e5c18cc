"""LangChain's own Anthropic client; its OpenAI client says the OpenAI SDK's name."""

from __future__ import annotations

from isartor_addon.clients.generic import GENERAL, RUN_IDS, WRAPPING
from isartor_addon.core.client import Client

CLIENT = Client(
    name="langchain",
    agents=("langchain-anthropic/",),
    volatile=GENERAL,
    wrapping=WRAPPING,
    run_ids=RUN_IDS,
)
