"""The official SDK of each wire asks a provider of each other wire, and reads what that provider said.

The SDKs are the pinned ones, in an environment of their own; between them and the fake providers stands the
translation, of the request and of the reply.
"""

from __future__ import annotations

import json
import subprocess
from itertools import permutations
from pathlib import Path

import pytest

from isartor_addon.core.prompt import Text, Thinking, ToolCall
from isartor_addon.core.reply import Reply
from tests.clients import workshop
from tests.clients.translator import MODELS, translator

pytestmark = pytest.mark.clients

PAIRS = list(permutations(MODELS, 2))
"""Client and provider: all twelve."""
PROMPTS = {
    "words": "say hello",
    "call": 'please [[tool:look {"path": "a.txt"}]]',
    "thinking": "[[think]] say hello",
}
STOPS = {
    "openai_chat": {"end": "stop", "tool": "tool_calls"},
    "openai_responses": {"end": "completed", "tool": "completed"},
    "anthropic_messages": {"end": "end_turn", "tool": "tool_use"},
    "gemini": {"end": "STOP", "tool": "STOP"},
}
"""How each SDK says why the answer ends."""


def expected(client: str, reply: Reply) -> dict[str, object]:
    """What a provider's reply must be to the client's SDK."""
    usage, parts = reply.usage, reply.parts
    given = usage.input if client == "anthropic_messages" else usage.prompt
    return {
        "text": "".join(part.text for part in parts if isinstance(part, Text)),
        "thinking": "".join(part.text for part in parts if isinstance(part, Thinking)),
        "calls": [[part.name, json.loads(part.arguments)] for part in parts if isinstance(part, ToolCall)],
        "stop": STOPS[client][reply.stop.reason],
        "tokens": [given, usage.output],
    }


@pytest.mark.parametrize(("client", "provider"), PAIRS, ids=lambda name: name)
def test_an_sdk_reads_another_wires_provider(client: str, provider: str) -> None:
    """Words, a tool call, reasoning, why it stopped and what it cost; as JSON and as a stream."""
    try:
        python = workshop.program(workshop.PYTHON_SDKS)
    except workshop.Unavailable as error:
        pytest.skip(f"the Python SDKs cannot be installed here: {error}")
    questions = [
        {"provider": provider, "prompt": prompt, "stream": stream}
        for prompt in PROMPTS.values()
        for stream in (False, True)
    ]
    with translator() as (url, said):
        done = subprocess.run(
            [python, Path(__file__).parent / "sdk_read.py", client, url],
            input="\n".join(map(json.dumps, questions)),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    read = [json.loads(line) for line in done.stdout.splitlines()]
    assert [expected(client, reply) for reply in said] == read
    assert all("hello" in each["text"] for each in read[:2])
    assert [["look", {"path": "a.txt"}]] == read[2]["calls"]
