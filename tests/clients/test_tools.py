"""The claim itself: a real coding tool runs twice, and the second time no model is called.

Each tool runs through mitmproxy with the addon before the fake provider, twice with one prompt. The second run ends as
well as the first, prints the same answer, and sends no call to a model.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.clients import workshop
from tests.clients.bench import KEYS, Bench, Wired
from tests.clients.workshop import AIDER, CLAUDE, CODEX, COPILOT, GEMINI, OPENCODE, Tool

pytestmark = pytest.mark.clients

HELLO = "Reply with one word: hello"
EXEC = '[[tool:exec {"input": "text(await tools.exec_command({cmd: \\"echo hi\\"}))"}]]'


@dataclass(frozen=True, slots=True)
class Case:
    """One way to use one tool."""

    name: str
    tool: Tool
    arguments: tuple[str, ...]
    """`{prompt}` stands for the prompt."""
    prompt: str = HELLO
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[Path], None] | None = None
    """Fills the home."""
    without: tuple[str, ...] = ()
    """Keys the tool must not see."""
    websocket: bool = True
    """Whether the provider accepts WebSockets."""


def _codex_key(home: Path) -> None:
    _write(home / ".codex" / "auth.json", {"OPENAI_API_KEY": KEYS["OPENAI_API_KEY"]})


def _codex_login(home: Path) -> None:
    """A login with ChatGPT: an unsigned token for a made-up account."""
    auth = {
        "chatgpt_plan_type": "plus",
        "chatgpt_user_id": "user-fake",
        "user_id": "user-fake",
        "chatgpt_account_id": "acc-fake",
    }
    claims = {
        "iss": "https://auth.openai.com",
        "aud": ["fake"],
        "sub": "user-fake",
        "email": "tester@example.test",
        "iat": 1700000000,
        "exp": 4102444800,
        "https://api.openai.com/auth": auth,
        "https://api.openai.com/profile": {"email": "tester@example.test"},
    }
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    tokens = {"id_token": f"{token}.c2ln", "access_token": f"{token}.c2ln", "refresh_token": "fake"}
    _write(
        home / ".codex" / "auth.json",
        {
            "auth_mode": "chatgpt",
            "OPENAI_API_KEY": None,
            "tokens": {**tokens, "account_id": "acc-fake"},
            "last_refresh": "2099-01-01T00:00:00.000000Z",
        },
    )


def _gemini_settings(home: Path) -> None:
    security = {"auth": {"selectedType": "gemini-api-key"}}
    _write(home / ".gemini" / "settings.json", {"security": security, "general": {"enableAutoUpdate": False}})


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


_CLAUDE = ("-p", "{prompt}", "--output-format", "text")
_CODEX = ("exec", "--skip-git-repo-check", "{prompt}")
_GEMINI = ("-p", "{prompt}")
_OPENCODE = ("run", "-m", "anthropic/claude-sonnet-4-5", "{prompt}")
_COPILOT = ("-p", "{prompt}", "--allow-all-tools")
_SANDBOX = {"IS_SANDBOX": "1"}
_TRUST = {"GEMINI_CLI_TRUST_WORKSPACE": "true"}
_LOGIN = ("OPENAI_API_KEY", "CODEX_API_KEY")
_NO_UPDATE = {"COPILOT_AUTO_UPDATE": "false"}
_AIDER = (
    *("--model", "openai/gpt-4o", "--message", "{prompt}", "--yes-always", "--no-pretty", "--no-git"),
    *("--no-check-update", "--no-show-release-notes", "--analytics-disable", "--no-show-model-warnings"),
    "--no-gitignore",
)

CASES = (
    Case("claude", CLAUDE, _CLAUDE, environment=_SANDBOX),
    Case(
        "claude-login",
        CLAUDE,
        _CLAUDE,
        environment={**_SANDBOX, "CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-test-000000"},
        without=("ANTHROPIC_API_KEY",),
    ),
    Case(
        "claude-tool",
        CLAUDE,
        (*_CLAUDE, "--dangerously-skip-permissions"),
        'Run it: [[tool:Bash {"command": "echo hi", "description": "Print"}]]',
        environment=_SANDBOX,
    ),
    Case("codex-socket", CODEX, _CODEX, prepare=_codex_key),
    Case("codex-socket-tool", CODEX, _CODEX, f"Run {EXEC}", prepare=_codex_key),
    Case("codex-http", CODEX, _CODEX, prepare=_codex_key, websocket=False),
    Case("codex-http-tool", CODEX, _CODEX, f"Run {EXEC}", prepare=_codex_key, websocket=False),
    Case("codex-login-socket", CODEX, _CODEX, prepare=_codex_login, without=_LOGIN),
    Case("codex-login-http", CODEX, _CODEX, prepare=_codex_login, without=_LOGIN, websocket=False),
    Case("gemini", GEMINI, _GEMINI, environment=_TRUST, prepare=_gemini_settings),
    Case(
        "gemini-tool",
        GEMINI,
        (*_GEMINI, "--yolo"),
        'Run [[tool:run_shell_command {"command": "echo hi", "description": "print"}]]',
        environment=_TRUST,
        prepare=_gemini_settings,
    ),
    Case("opencode", OPENCODE, _OPENCODE),
    Case(
        "opencode-tool",
        OPENCODE,
        _OPENCODE,
        'Run [[tool:bash {"command": "echo hi", "description": "print"}]]',
    ),
    Case("opencode-openai", OPENCODE, ("run", "-m", "openai/gpt-5.5", "{prompt}")),
    Case("copilot", COPILOT, _COPILOT, environment=_NO_UPDATE),
    Case(
        "copilot-tool",
        COPILOT,
        _COPILOT,
        'Run [[tool:bash {"command": "echo hi", "description": "print"}]]',
        environment=_NO_UPDATE,
    ),
    Case("copilot-socket", COPILOT, (*_COPILOT, "--model", "gpt-5.5"), environment=_NO_UPDATE),
    Case("copilot-http", COPILOT, (*_COPILOT, "--model", "gpt-5-mini"), environment=_NO_UPDATE),
    Case("aider", AIDER, _AIDER),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_second_run_calls_no_model(case: Case, wired: Wired, tmp_path: Path) -> None:
    """
    The tool runs twice with one prompt; the second run is answered from here and prints the same.

    Words that were asked before never reach a model. A tool may choose other words by itself in its second run (Codex
    did once in some hundred: its prompt was 770 characters shorter); then it is the third that is answered from here.
    """
    program = _program(case.tool)
    keys = {name: key for name, key in KEYS.items() if name not in case.without}
    bench = Bench(wired, tmp_path, keys)
    if case.prepare:
        case.prepare(bench.home)
    command: list[str | Path] = [program]
    command += [part.replace("{prompt}", f"{case.prompt} ({case.name})") for part in case.arguments]
    wired.provider.websocket_status = 101 if case.websocket else 426
    try:
        first, second = (bench.run(command, case.environment) for _ in range(2))
        assert first.calls > 0
        assert first.words().isdisjoint(second.words()), "asked again in the same words"
        if second.calls:
            first, second = second, bench.run(command, case.environment)
    finally:
        wired.provider.websocket_status = 101
    assert (first.status, second.status) == (0, 0), f"{first.complained[-2000:]}\n{second.complained[-2000:]}"
    assert "ANSWER" in first.printed
    assert second.calls == 0
    assert first.answer == second.answer


def _program(tool: Tool) -> Path:
    try:
        return workshop.program(tool)
    except workshop.Unavailable as error:
        pytest.skip(f"{tool.name} cannot be installed here: {error}")
