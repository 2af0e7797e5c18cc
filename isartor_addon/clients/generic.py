"""What holds for every tool, and for those nobody has described.

An unknown tool whose runs differ only in bookkeeping hits by these rules and by those of `core/canonical.py`: fields
named as session, request, trace ... ids, as nonces or as time stamps, and holding such a value, do not count. A
`conversation_id` or `thread_id` of the body does: a provider may keep a conversation under it.
"""

from __future__ import annotations

import re

from isartor_addon.core.client import Client, Declared, TextRule, Volatile, Wrapping

GENERAL = Volatile(
    # What only steers the provider's own prompt cache or log.
    body=frozenset(
        {
            "prompt_cache_key",
            "prompt_cache_retention",
            "cache_control",
            "client_metadata",
            "user_prompt_id",
            "litellm_session_id",
            "litellm_trace_id",
            "litellm_call_id",
        }
    ),
    # An item's `id` counts all the same where the item says nothing else: see `core/canonical.py`.
    turn=frozenset({"id", "cache_control", "internal_chat_message_metadata_passthrough"}),
    part=frozenset({"cache_control"}),
    inside={
        # Anthropic's: the id of the answer before.
        "diagnostics": frozenset({"previous_message_id"}),
        "metadata": frozenset({"promptId", "prompt_id"}),
    },
    # Claude Code's, which tools that go by its login send too: a hash of the request, ids of the run.
    system_blocks=("x-anthropic-billing-header:",),
    text=(
        # Copilot: the time, down to the millisecond, before the user's words. The day stays.
        TextRule(
            place="user",
            where="start",
            hint="<current_datetime>",
            pattern=re.compile(
                r"(<current_datetime>\d{4}-\d\d-\d\d)T[0-9:.]+(?:Z|[+-]\d\d:?\d\d)?(</current_datetime>)"
            ),
            replacement=r"\1\2",
        ),
        # Codex: how long a tool took, before its output, in the four forms of its shells. Without what Codex writes
        # next these could be a program's own words.
        TextRule(
            place="tool",
            where="start",
            hint="Script ",
            pattern=re.compile(r"(Script [a-z ]{1,40}\n)Wall time [0-9.]+ seconds\n(?=Output:)"),
            replacement=r"\1",
        ),
        TextRule(
            place="tool",
            where="start",
            hint='{"chunk_id":',
            pattern=re.compile(r'\{"chunk_id":"[0-9a-f]+","wall_time_seconds":[0-9.eE+-]+,'),
            replacement="{",
        ),
        TextRule(
            place="tool",
            where="start",
            hint="Chunk ID: ",
            pattern=re.compile(r"Chunk ID: [0-9a-f]+\nWall time: [0-9.]+ seconds\n"),
        ),
        TextRule(
            place="tool",
            where="start",
            hint="Exit code: ",
            pattern=re.compile(r"(Exit code: -?[0-9]+\n)Wall time: [0-9.]+ seconds\n(?=Output:|Total output lines:)"),
            replacement=r"\1",
        ),
        # Gemini CLI and its forks: the last line of the shell's result.
        TextRule(
            place="tool",
            where="end",
            hint="\nProcess Group PGID: ",
            pattern=re.compile(r"\nProcess Group PGID: [0-9]+(?=\s*(?:</untrusted_context>\s*)?\Z)"),
        ),
    ),
)
"""Joined to every tool's own table."""

WRAPPING = Wrapping(
    blocks=(
        "system-reminder",  # Claude Code, opencode
        "current_datetime",  # Copilot
        "environment_context",  # Codex
        "environment_details",  # Cline
        "session_context",  # Gemini CLI
    ),
)
"""Joined to every tool's own table."""

DATE = Wrapping(lines=(re.compile(r"Today's date is [^\n]{1,40}\.(?:\n|\Z)"),))
"""Gemini CLI's and its forks'."""

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
    "thread": (Declared(header="thread-id"), Declared(header="x-thread-id")),
    "conversation": (Declared(header="x-conversation-id"), Declared(header="conversation_id")),
}

CLIENT = Client(
    name="generic",
    volatile=GENERAL,
    run_ids=RUN_IDS,
    wrapping=WRAPPING,
)
