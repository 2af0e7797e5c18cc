"""Real coding tools on providers of another wire than their own: they read a file, change it, and say so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients import workshop
from tests.clients.bench import KEYS, Bench, Wired, gate_to
from tests.clients.conftest import ALLOWED
from tests.clients.workshop import CLAUDE, CODEX, Tool
from tests.e2e.harness import Proxy, Setup
from tests.fake import Provider

pytestmark = pytest.mark.clients

OURS = {"GROQ": "gsk-groq-000000000000", "CLAUDE": "sk-ant-ours-0000000000"}
PROVIDERS = [{"name": "groq", "key": "env:GROQ"}, {"name": "anthropic", "key": "env:CLAUDE"}]
CHAINS = [
    {"for": "client:claude_code", "try": "groq/llama-x"},
    {"for": "client:codex", "try": "anthropic/claude-sonnet-4-5"},
]


@dataclass(frozen=True, slots=True)
class Case:
    """A tool, and who answers it."""

    name: str
    tool: Tool
    arguments: tuple[str, ...]
    host: str
    """The provider that is asked in the place of its own."""
    path: str
    script: Callable[[Path], str]
    """What the model does to a file."""
    environment: dict[str, str]


def _claude_script(file: Path) -> str:
    read = {"file_path": str(file)}
    edit = {"file_path": str(file), "old_string": "before", "new_string": "after"}
    return f"[[tool:Read {json.dumps(read)}]] [[tool:Edit {json.dumps(edit)}]]"


def _codex_script(file: Path) -> str:
    def run(command: str) -> str:
        return json.dumps({"input": f"text(await tools.exec_command({{cmd: {json.dumps(command)}}}))"})

    return f"[[tool:exec {run(f'cat {file}')}]] [[tool:exec {run(f'sed -i s/before/after/ {file}')}]]"


CASES = (
    Case(
        "claude",
        CLAUDE,
        ("-p", "{prompt}", "--output-format", "text", "--dangerously-skip-permissions"),
        "api.groq.com",
        "/openai/v1/chat/completions",
        _claude_script,
        {"IS_SANDBOX": "1"},
    ),
    Case(
        "codex",
        CODEX,
        ("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "{prompt}"),
        "api.anthropic.com",
        "/v1/messages",
        _codex_script,
        {},
    ),
)


@pytest.fixture(scope="module")
def chained(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wired]:
    """A proxy whose chains lead to other providers."""
    options = {
        "fake_refused": rf"(?!(?:{ALLOWED}|api\.groq\.com)$).*",
        "isartor_providers": json.dumps(PROVIDERS),
        "isartor_chain": json.dumps(CHAINS),
        "isartor_egress_ca_file": str(provider.authority.path),
    }
    setup = Setup(options=options, environment=OURS)
    with Proxy(tmp_path_factory.mktemp("chained"), provider, setup) as proxy, gate_to(proxy.port) as gate:
        yield Wired(proxy, provider, gate)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_tool_works_on_a_provider_of_another_wire(case: Case, chained: Wired, tmp_path: Path) -> None:
    """It reads a file and changes it by its own tools, streamed, and prints the final answer."""
    try:
        program = workshop.program(case.tool)
    except workshop.Unavailable as error:
        pytest.skip(f"{case.tool.name} cannot be installed here: {error}")
    bench = Bench(chained, tmp_path)
    if case.tool is CODEX:
        home = bench.home / ".codex"
        home.mkdir()
        (home / "auth.json").write_text(json.dumps({"OPENAI_API_KEY": KEYS["OPENAI_API_KEY"]}))
    file = tmp_path / "work" / "notes.txt"
    file.parent.mkdir()
    file.write_text("what was before\n")
    begun = len(chained.provider.calls)
    command: list[str | Path] = [program]
    command += [part.replace("{prompt}", f"Do it: {case.script(file)}") for part in case.arguments]
    run = bench.run(command, case.environment)
    calls = [call for call in chained.provider.calls[begun:] if call.generated]
    assert run.status == 0, run.complained[-2000:]
    assert file.read_text() == "what was after\n"
    assert "ANSWER" in run.printed
    assert {(call.host, call.path) for call in calls} == {(case.host, case.path)}
    assert sum("what was before" in call.text for call in calls) >= 1
    assert all(call.body.get("stream") for call in calls)
    assert not any(secret in call.text or secret in str(call.headers) for call in calls for secret in KEYS.values())
