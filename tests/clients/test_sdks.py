"""The official SDKs, each a program of its own, behind the proxy: the same call twice, and across deliveries.

Where one kind of call is the streamed form of another, what was learned from either answers the other, and the SDK
reads the same words from what we render.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients import workshop
from tests.clients.bench import Bench, Run, Wired
from tests.clients.workshop import NODE_SDKS, PYTHON_SDKS

pytestmark = pytest.mark.clients

HERE = Path(__file__).parent
PYTHON = (
    *("openai/chat", "openai/chat-stream", "openai/responses", "openai/responses-stream", "openai/embeddings"),
    *("anthropic/messages", "anthropic/stream", "anthropic/count", "genai/generate", "genai/stream"),
    *("langchain/chat", "langchain/responses", "langchain/anthropic"),
)
NODE = (
    *("openai/chat", "openai/chat-stream", "openai/responses", "openai/responses-stream", "anthropic/messages"),
    *("anthropic/stream", "genai/generate", "genai/stream", "ai/generate", "ai/stream"),
)
PAIRS = (
    *(("openai/chat", "openai/chat-stream"), ("anthropic/messages", "anthropic/stream")),
    ("genai/generate", "genai/stream"),
)


def _python(wired: Wired, folder: Path, kind: str, prompt: str) -> Run:
    try:
        program = workshop.program(PYTHON_SDKS)
    except workshop.Unavailable as error:
        pytest.skip(f"the Python SDKs cannot be installed here: {error}")
    return Bench(wired, folder).run([program, HERE / "sdk_call.py", kind, prompt])


def _node(wired: Wired, folder: Path, kind: str, prompt: str) -> Run:
    try:
        place, program = workshop.install(NODE_SDKS), workshop.node() / "node"
    except workshop.Unavailable as error:
        pytest.skip(f"the Node SDKs cannot be installed here: {error}")
    # Node's fetch does not look at HTTPS_PROXY unless it is told to.
    environment = {"SDK_FOLDER": str(place), "NODE_USE_ENV_PROXY": "1"}
    return Bench(wired, folder).run([program, HERE / "sdk_call.mjs", kind, prompt], environment)


CALLS = {"python": _python, "node": _node}


@pytest.mark.parametrize(
    ("language", "kind"), [*(("python", kind) for kind in PYTHON), *(("node", kind) for kind in NODE)]
)
def test_the_second_call_calls_no_model(wired: Wired, tmp_path: Path, language: str, kind: str) -> None:
    """The same call of the same SDK again: answered from here, read as the same words."""
    first, second = (CALLS[language](wired, tmp_path, kind, f"say hello ({language} {kind})") for _ in range(2))
    assert (first.status, second.status) == (0, 0), f"{first.complained[-2000:]}\n{second.complained[-2000:]}"
    assert first.calls == 1
    assert second.calls == 0
    assert "ANSWER" in first.printed
    assert first.printed == second.printed


@pytest.mark.parametrize("language", CALLS)
@pytest.mark.parametrize(("one", "other"), [*PAIRS, *((other, one) for one, other in PAIRS)])
def test_an_sdk_reads_what_we_render(wired: Wired, tmp_path: Path, language: str, one: str, other: str) -> None:
    """What was recorded as JSON or as a stream is read by the official SDK the other way round as the same words."""
    prompt = f"say hello ({language} {one} then {other})"
    recorded, rendered = (CALLS[language](wired, tmp_path, kind, prompt) for kind in (one, other))
    assert (recorded.status, rendered.status) == (0, 0), f"{recorded.complained[-2000:]}\n{rendered.complained[-2000:]}"
    assert rendered.calls == 0
    assert "ANSWER" in recorded.printed
    assert recorded.printed == rendered.printed
