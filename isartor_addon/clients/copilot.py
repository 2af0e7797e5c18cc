"""GitHub Copilot CLI and the editors' Copilot, over HTTP and WebSocket."""

from __future__ import annotations

import re

from isartor_addon.clients.generic import GENERAL, RUN_IDS
from isartor_addon.core.client import Client, Declared, TextRule, Volatile

CLIENT = Client(
    name="copilot",
    agents=("copilot/", "githubcopilotchat/", "copilotcli/"),
    headers=frozenset({"copilot-integration-id", "copilot-harness-id", "x-agent-task-id", "x-interaction-id"}),
    volatile=GENERAL
    | Volatile(
        # Over a WebSocket: what the headers of a request would say.
        body=frozenset({"agent_task_id", "headers"}),
        text=(
            TextRule(
                place="user",
                hint="<current_datetime>",
                pattern=re.compile(
                    r"<current_datetime>(\d{4}-\d\d-\d\d)T[0-9:.]+(?:Z|[+-]\d\d:?\d\d)?</current_datetime>"
                ),
                replacement=r"<current_datetime>\1</current_datetime>",
                starts=True,
            ),
        ),
    ),
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
