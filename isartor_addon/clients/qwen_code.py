"""Qwen Code, a fork of Gemini CLI that speaks OpenAI chat."""

from __future__ import annotations

from isartor_addon.clients.generic import DATE, GENERAL, RUN_IDS, WRAPPING
from isartor_addon.core.client import Client, Declared

CLIENT = Client(
    name="qwen_code",
    agents=("qwencode",),
    headers=frozenset({"x-dashscope-useragent", "x-dashscope-cachecontrol", "x-dashscope-authtype"}),
    volatile=GENERAL,
    wrapping=WRAPPING | DATE,
    run_ids=RUN_IDS | {"session": (*RUN_IDS["session"], Declared(body=("prompt_cache_key",)))},
)
