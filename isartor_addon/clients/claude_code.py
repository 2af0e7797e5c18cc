"""Claude Code, and the Claude Agent SDK, which runs the same binary."""

from __future__ import annotations

from isartor_addon.clients.generic import GENERAL, RUN_IDS, WRAPPING
from isartor_addon.core.client import Client, Declared, Errand, Volatile

_QUOTA = "the tool asks for its rate limits, which stand in the response's headers"

CLIENT = Client(
    name="claude_code",
    agents=("claude-cli/", "claude-code/"),
    headers=frozenset(
        {
            "x-claude-code-session-id",
            "x-claude-code-prompt-id",
            "x-claude-code-request-class",
            "x-claude-1p-request-class",
        }
    ),
    # `user_id` is a text of JSON: device, account, session. The account is part of the caller.
    volatile=GENERAL | Volatile(body=frozenset({"diagnostics"}), inside={"metadata": frozenset({"user_id"})}),
    wrapping=WRAPPING,
    run_ids=RUN_IDS
    | {
        "session": (
            Declared(header="x-claude-code-session-id"),
            Declared(body=("metadata", "user_id", "session_id")),
        ),
        "prompt": (Declared(header="x-claude-code-prompt-id"),),
    },
    errands=(
        Errand(
            name="quota",
            where=((("max_tokens",), 1), (("messages", 0, "content"), "quota")),
            uncacheable=_QUOTA,
        ),
        Errand(
            name="quota",
            where=((("max_tokens",), 1), (("messages", 0, "content", 0, "text"), "quota")),
            uncacheable=_QUOTA,
        ),
    ),
    account=(Declared(body=("metadata", "user_id", "account_uuid")),),
)
