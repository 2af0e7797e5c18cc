"""Qwen Code, a fork of Gemini CLI that speaks OpenAI chat."""

from __future__ import annotations

from isartor_addon.clients.generic import GENERAL, RUN_IDS
from isartor_addon.core.client import Client, Declared

CLIENT = Client(
    name="qwen_code",
    agents=("qwencode",),
    headers=frozenset({"x-dashscope-useragent", "x-dashscope-cachecontrol", "x-dashscope-authtype"}),
    volatile=GENERAL,
    run_ids=RUN_IDS | {"session": (*RUN_IDS["session"], Declared(body=("prompt_cache_key",)))},
)
