"""GitHub Copilot CLI and the editors' Copilot, over HTTP and WebSocket."""

from __future__ import annotations

from isartor_addon.clients.generic import GENERAL, RUN_IDS, WRAPPING
from isartor_addon.core.client import Client, Declared, Volatile

CLIENT = Client(
    name="copilot",
    agents=("copilot/", "githubcopilotchat/", "copilotcli/"),
    headers=frozenset({"copilot-integration-id", "copilot-harness-id", "x-agent-task-id", "x-interaction-id"}),
    # Over a WebSocket a message holds what would be the headers of a request.
    volatile=GENERAL | Volatile(body=frozenset({"agent_task_id", "headers"})),
    wrapping=WRAPPING,
    run_ids=RUN_IDS
    | {
        "session": (Declared(header="x-client-session-id"), Declared(body=("headers", "X-Client-Session-Id"))),
        "task": (
            Declared(header="x-agent-task-id"),
            Declared(body=("headers", "X-Agent-Task-Id")),
            Declared(body=("agent_task_id",)),
        ),
        "interaction": (Declared(header="x-interaction-id"), Declared(body=("headers", "X-Interaction-Id"))),
    },
)
