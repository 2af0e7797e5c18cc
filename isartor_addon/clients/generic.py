"""What holds for every tool, and for those nobody has described.

An unknown tool whose runs differ only in bookkeeping hits by these rules and by those of `core/canonical.py`: fields
named as session, request, trace ... ids, as nonces or as time stamps, and holding such a value, do not count.
"""

from __future__ import annotations

from isartor_addon.core.client import Client, Declared, Volatile

GENERAL = Volatile(
    # What only steers the provider's own prompt cache or log.
    body=frozenset(
        {
            "prompt_cache_key",
            "prompt_cache_retention",
            "cache_control",
            "client_metadata",
            "litellm_session_id",
            "litellm_trace_id",
            "litellm_call_id",
        }
    ),
    # An item's `id` counts all the same where the item says nothing else: see `core/canonical.py`.
    turn=frozenset({"id", "cache_control", "internal_chat_message_metadata_passthrough"}),
    part=frozenset({"cache_control"}),
    # Claude Code's, which tools that go by its login send too: a hash of the request, ids of the run.
    system_blocks=("x-anthropic-billing-header:",),
)

SESSION: tuple[Declared, ...] = (
    Declared(header="x-session-id"),
    Declared(header="session-id"),
    Declared(header="session_id"),
    Declared(header="x-client-session-id"),
    Declared(header="x-claude-code-session-id"),
    Declared(header="x-session-affinity"),
    Declared(header="x-affinity"),
    Declared(header="x-conversation-id"),
    Declared(header="conversation-id"),
    Declared(header="conversation_id"),
    Declared(header="x-thread-id"),
    Declared(header="x-chat-id"),
    Declared(header="x-task-id"),
    Declared(header="x-run-id"),
    Declared(body=("metadata", "session_id")),
    Declared(body=("metadata", "sessionId")),
    Declared(body=("metadata", "user_id", "session_id")),
    Declared(body=("client_metadata", "session_id")),
    Declared(body=("session_id",)),
)
"""Where tools say their session. The first that says one counts."""

RUN_IDS: dict[str, tuple[Declared, ...]] = {
    "session": SESSION,
    "thread": (Declared(header="thread-id"), Declared(header="x-thread-id"), Declared(body=("thread_id",))),
    "conversation": (
        Declared(header="x-conversation-id"),
        Declared(header="conversation_id"),
        Declared(body=("conversation_id",)),
    ),
}

CLIENT = Client(
    name="generic",
    volatile=GENERAL,
    run_ids=RUN_IDS,
)
