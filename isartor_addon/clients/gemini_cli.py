"""Gemini CLI, by API key or by Google login (`v1internal`)."""

from __future__ import annotations

from isartor_addon.clients.generic import DATE, GENERAL, RUN_IDS, WRAPPING
from isartor_addon.core.client import Client, Declared

CLIENT = Client(
    name="gemini_cli",
    agents=("geminicli",),
    volatile=GENERAL,
    wrapping=WRAPPING | DATE,
    run_ids=RUN_IDS | {"session": (Declared(body=("request", "session_id")), *RUN_IDS["session"])},
    # With a Google login: the project that the login's tier is bound to.
    account=(Declared(body=("project",)),),
)
