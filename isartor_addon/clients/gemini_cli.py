"""Gemini CLI, by API key or by Google login (`v1internal`)."""

from __future__ import annotations

import re

from isartor_addon.clients.generic import GENERAL, RUN_IDS
from isartor_addon.core.client import Client, Declared, TextRule, Volatile

PROCESS_GROUP = TextRule(
    place="tool",
    hint="\nProcess Group PGID: ",
    pattern=re.compile(r"\nProcess Group PGID: [0-9]+(?=\s*(?:</untrusted_context>\s*)?\Z)"),
)
"""The last line of the shell tool's result; the tool's own forks write it too."""

CLIENT = Client(
    name="gemini_cli",
    agents=("geminicli",),
    volatile=GENERAL | Volatile(body=frozenset({"user_prompt_id"}), text=(PROCESS_GROUP,)),
    run_ids=RUN_IDS | {"session": (Declared(body=("request", "session_id")), *RUN_IDS["session"])},
    # With a Google login: the project that the login's tier is bound to.
    account=(Declared(body=("project",)),),
)
