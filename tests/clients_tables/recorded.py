"""Requests after what real tools sent, cut down to what varies between two runs that ask the same, and a little more.

Each function gives one run's requests: `run` 0 and 1 are two runs a few seconds apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

SESSIONS = ("fc4d8b0d-0290-4268-b62a-d00ea00f08f2", "6981dd09-f17e-417c-ac83-823875df407f")
THREADS = ("01a20644-a750-7992-9f36-b5cd9c8f7376", "01a20644-ab74-7981-b492-3dcfab27a80b")
TURNS = ("01a20644-a778-7353-8933-4ea08b123790", "01a20644-abd8-7d71-8dac-f155cdde828e")
PROMPTS = ("377f6e27-dc92-47ad-8d04-f63c64691383", "0b9e4009-7079-403b-aa15-8fd32aa02070")
DEVICE = "066f782f8a2548dbdac68f8a826e2748"

MESSAGES = "https://api.anthropic.com/v1/messages?beta=true"
RESPONSES = "https://api.openai.com/v1/responses"
CHATGPT = "https://chatgpt.com/backend-api/codex/responses"
CHAT = "https://api.openai.com/v1/chat/completions"
GOOGLE = "https://generativelanguage.googleapis.com/v1beta/models"
COPILOT = "https://api.individual.githubcopilot.com"
ANTHROPIC = "https://api.anthropic.com/v1/messages"


class Sent(NamedTuple):
    """One request."""

    url: str
    headers: dict[str, str]
    body: dict[str, Any]


def text(value: Any) -> str:
    return orjson.dumps(value).decode()


def claude(run: int, *, tool: bool = False, account: str = "") -> list[Sent]:
    """Claude Code, headless."""
    headers = {
        "user-agent": "claude-cli/2.1.330 (external, sdk-cli)",
        "x-claude-code-session-id": SESSIONS[run],
        "x-claude-code-prompt-id": PROMPTS[run],
        "x-client-request-id": TURNS[run],
        "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14",
        "anthropic-version": "2023-06-01",
        "x-api-key": "sk-ant-test-0000",
    }
    ephemeral = {"cache_control": {"type": "ephemeral"}}
    call, result = f"toolu_fake00000{run}", f"msg_fake00000{run}"

    def body(turn: int) -> dict[str, Any]:
        billing = f"cc_version=2.1.330.b1d; cch=d8e0{run}{turn}; cc_prompt_id={PROMPTS[run]}; cc_turn_index={turn};"
        words = {"type": "text", "text": "hello"}
        user = {"device_id": DEVICE, "account_uuid": account, "session_id": SESSIONS[run]}
        messages: list[dict[str, Any]] = [
            {"role": "user", "content": [{**words, **ephemeral}] if turn == 0 else [words]},
            {"role": "system", "content": f"Scratchpad directory: /tmp/claude/-work-a/{SESSIONS[run]}/scratchpad"},
        ]
        if turn:
            use = {"type": "tool_use", "id": call, "name": "Bash", "input": {"command": "echo hi"}}
            messages += [
                {"role": "assistant", "content": [use]},
                {
                    "role": "user",
                    "content": [{"tool_use_id": call, "type": "tool_result", "content": "hi", **ephemeral}],
                },
            ]
        return {
            "model": "claude-opus-5-5",
            "messages": messages,
            "system": [
                {"type": "text", "text": f"x-anthropic-billing-header: {billing}"},
                {"type": "text", "text": "You are a Claude agent.", **ephemeral},
            ],
            "safeguards": [{"type": "permissions", "tool_results_dir": f"/home/a/.claude/{SESSIONS[run]}/results"}],
            "metadata": {"user_id": text(user)},
            "diagnostics": {"previous_message_id": result if turn else None},
            "max_tokens": 128000,
            "stream": True,
        }

    return [Sent(MESSAGES, headers, body(turn)) for turn in range(2 if tool else 1)]


def codex(run: int, *, tool: bool = False, url: str = RESPONSES) -> list[Sent]:
    """Codex over HTTP."""
    turn_metadata = text(
        {"session_id": THREADS[run], "turn_id": TURNS[run], "turn_started_at_unix_ms": 1795401490569 + run}
    )
    headers = {
        "user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64) dumb (codex_exec; 0.169.0)",
        "originator": "codex_exec",
        "session-id": THREADS[run],
        "thread-id": THREADS[run],
        "x-client-request-id": THREADS[run],
        "x-codex-window-id": f"{THREADS[run]}:0",
        "x-codex-turn-metadata": turn_metadata,
        "authorization": "Bearer sk-test",
    }
    passed_on = {
        "internal_chat_message_metadata_passthrough": {
            "turn_id": TURNS[run],
            "create_time": 1795401492.391651 + run,
            "content_item_kinds": ["user.text"],
        }
    }
    metadata = {"thread_id": THREADS[run], "session_id": THREADS[run], "x-codex-turn-metadata": turn_metadata}
    items: list[dict[str, Any]] = [
        {
            "type": "additional_tools",
            "id": f"at_{TURNS[run]}",
            "role": "developer",
            "tools": [{"type": "custom", "name": "exec", "description": "Runs code."}],
        },
        {
            "type": "message",
            "id": f"msg_{TURNS[run]}",
            "role": "user",
            "content": [{"type": "input_text", "text": "hello"}],
            **passed_on,
        },
    ]
    timed = {"chunk_id": ("86fa01", "7ab62a")[run], "wall_time_seconds": (4.408e-06, 0.006512)[run], "exit_code": 0}
    after = [
        {
            "type": "custom_tool_call",
            "id": f"ctc_fake00001{run}",
            "call_id": f"call_fake00001{run}",
            "name": "exec",
            "input": "text(1)",
            **passed_on,
        },
        {
            "type": "custom_tool_call_output",
            "id": f"ctco_{TURNS[run]}",
            "call_id": f"call_fake00001{run}",
            "output": [
                {"type": "input_text", "text": f"Script completed\nWall time 0.{run} seconds\nOutput:\n"},
                {"type": "input_text", "text": text({**timed, "output": "hi\n"})},
            ],
            **passed_on,
        },
    ]
    body = {
        "model": "gpt-6.1-sol",
        "stream": True,
        "input": items,
        "reasoning": {"effort": "low", "context": "all_turns"},
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": THREADS[run],
        "client_metadata": dict(reversed(metadata.items())) if run else metadata,
    }
    bodies = [body, {**body, "input": items + after}] if tool else [body]
    return [Sent(url, headers, each) for each in bodies]


def gemini(run: int, *, tool: bool = False) -> list[Sent]:
    """Gemini CLI: its router, then the answer."""
    headers = {"user-agent": "GeminiCLI-tui/0.61.0/gemini-3.1-pro (linux; x64; terminal)", "x-goog-api-key": "test"}
    asked = [{"role": "user", "parts": [{"text": "Today's date is Monday, November 23, 2026."}, {"text": "hello"}]}]
    call = f"run_shell_command_179540150{run}444_0"
    output = f"<untrusted_context>\nOutput: hi\nProcess Group PGID: 47{run}3\n</untrusted_context>"
    answered = {"functionResponse": {"name": "run_shell_command", "response": {"output": output}, "id": call}}
    called = {"functionCall": {"id": call, "name": "run_shell_command", "args": {"command": "echo hi"}}}
    after = [
        {"role": "model", "parts": [{**called, "thoughtSignature": "skip"}]},
        {"role": "user", "parts": [answered]},
    ]
    settings = {"generationConfig": {"temperature": 1, "topK": 64}}
    sent = [
        Sent(f"{GOOGLE}/gemini-3.5-flash-lite:generateContent", headers, {"contents": asked, **settings}),
        Sent(f"{GOOGLE}/gemini-3.8-flash:streamGenerateContent?alt=sse", headers, {"contents": asked, **settings}),
    ]
    return [*sent, Sent(sent[1].url, headers, {"contents": asked + after, **settings})] if tool else sent


def gemini_login(run: int) -> list[Sent]:
    """Gemini CLI with a Google login."""
    headers = {"user-agent": "GeminiCLI/0.61.0/gemini-3.8-flash (linux; x64)", "authorization": "Bearer ya29.a"}
    request = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}], "session_id": SESSIONS[run]}
    body = {
        "model": "gemini-3.8-flash",
        "project": "p-1",
        "user_prompt_id": f"{SESSIONS[run]}########0",
        "request": request,
    }
    return [Sent("https://cloudcode-pa.googleapis.com/v1internal:generateContent", headers, body)]


def opencode(run: int, *, url: str = ANTHROPIC, tool: bool = False) -> list[Sent]:
    """opencode: its title, then the answer."""
    session = ("ses_df9bb0e28ffesqrgMC0K05ggTG", "ses_df9bae600ffe2hGfdC6zAXjaCO")[run]
    headers = {
        "user-agent": "opencode/1.18.33 ai-sdk/provider-utils/4.0.46 runtime/bun/1.3.14",
        "x-session-affinity": session,
        "x-session-id": session,
    }
    if url == RESPONSES:
        words = [{"role": "developer", "content": "You are OpenCode"}, {"role": "user", "content": "hello"}]
        body = {"model": "gpt-5.5", "input": words, "prompt_cache_key": session, "stream": True}
        return [Sent(url, {**headers, "session-id": session}, body)]
    asked: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]
    call = f"toolu_fake00003{run}"
    after = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": call, "name": "bash", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call, "content": "hi"}]},
    ]
    title = {"model": "m", "max_tokens": 99, "system": "You are a title generator.", "messages": asked}
    main = {
        "model": "m",
        "max_tokens": 999,
        "system": [{"type": "text", "text": "You are OpenCode"}],
        "messages": asked,
    }
    bodies = [title, main, *([{**main, "messages": asked + after}] if tool else [])]
    return [Sent(url, headers, body) for body in bodies]


def copilot(run: int, *, gpt: bool = False, tool: bool = False) -> list[Sent]:
    """Copilot CLI."""
    headers = {
        "user-agent": "copilot/1.0.102 (linux v24.20.0) term/unknown client/github/cli",
        "copilot-integration-id": "copilot-developer-cli",
        "x-client-session-id": SESSIONS[run],
        "x-interaction-id": TURNS[run],
        "x-agent-task-id": PROMPTS[run],
        "authorization": "Bearer github_test",
    }
    folder = f"Session folder: /home/a/.copilot/session-state/{SESSIONS[run]}\n"
    words = f"<current_datetime>2026-11-23T02:39:0{run}.94{run}+00:00</current_datetime>\n\nhello"
    if gpt:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}
        body: dict[str, Any] = {"model": "gpt-5.5", "instructions": folder, "input": [item], "store": False}
        return [Sent(f"{COPILOT}/responses", headers, body)]
    asked: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": words}]}]
    call = f"toolu_fake00004{run}"
    after = [
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": call, "name": "bash", "input": {"command": "ls"}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call, "content": "hi"}]},
    ]
    system = [{"type": "text", "text": folder, "cache_control": {"type": "ephemeral"}}]
    body = {"model": "claude-sonnet-5.5", "max_tokens": 64000, "system": system, "messages": asked}
    bodies = [body, {**body, "messages": asked + after}] if tool else [body]
    return [Sent(f"{COPILOT}/v1/messages", headers, each) for each in bodies]


def copilot_socket(run: int) -> list[Sent]:
    """Copilot CLI over a WebSocket: a message's fields as a body."""
    (sent,) = copilot(run, gpt=True)
    inner = {"X-Interaction-Id": TURNS[run], "X-Agent-Task-Id": PROMPTS[run], "X-Client-Session-Id": SESSIONS[run]}
    more = {"agent_task_id": PROMPTS[run], "headers": inner, "initiator": "user"}
    return [sent._replace(body={**sent.body, **more})]


def qwen(run: int) -> list[Sent]:
    """Qwen Code."""
    call = f"call_{TURNS[run]}"
    output = f"Command: echo hi\nOutput: hi\nExit Code: 0\nSignal: (none)\nProcess Group PGID: 20{run}3"
    body = {
        "model": "qwen3-coder-plus",
        "messages": [
            {"role": "user", "content": "hello"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": call, "type": "function", "function": {"name": "sh", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": call, "content": output},
        ],
        "prompt_cache_key": SESSIONS[run],
        "metadata": {"sessionId": SESSIONS[run], "promptId": f"{SESSIONS[run]}########0"},
    }
    return [Sent(CHAT, {"user-agent": "QwenCode/0.14.0 (linux; x64)"}, body)]


def agents(run: int) -> list[Sent]:
    """OpenAI's Agents SDK."""
    body = {"model": "gpt-4o", "input": "hello", "prompt_cache_key": f"run_{TURNS[run]}", "store": True}
    return [Sent(RESPONSES, {"user-agent": "Agents/Python 0.24.0"}, body)]


def vibe(run: int) -> list[Sent]:
    """Mistral Vibe, which has no table of its own. Its session's id may come without a single letter in it."""
    session = ("dea0a237-c6b7-c91c-b5c3-ecdd8752102a", "35434407-5844-4281-9066-667747857179")[run]
    turn = ("023db11344fbfa60471c7a1d019eeef0", "5bd1ddde89f0af74252f282d76fe5191")[run]
    headers = {"user-agent": "mistral-client-python/2.6.0", "x-affinity": session, "authorization": "Bearer test"}
    metadata = {"session_id": session, "message_id": f"user-turn-{turn}-1"}
    body = {"model": "devstral", "messages": [{"role": "user", "content": "hello"}], "metadata": metadata}
    return [Sent("https://api.mistral.ai/v1/chat/completions", headers, body)]


def unknown(run: int) -> list[Sent]:
    """A tool that nobody has described, with all kinds of bookkeeping."""
    headers = {"user-agent": "novelty/0.1", "x-session-id": SESSIONS[run], "x-request-id": TURNS[run]}
    system = [
        {"type": "text", "text": f"x-anthropic-billing-header: cch=a{run}", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": f"Your notes are in /tmp/novelty/{SESSIONS[run]}/notes."},
    ]
    user = {"role": "user", "content": "hello", "timestamp": 1795401480000 + run, "message_id": f"msg_{TURNS[run]}"}
    body = {
        "model": "claude-opus-5-5",
        "max_tokens": 99,
        "system": system,
        "messages": [{**user, "metadata": {"turnId": TURNS[run]}}],
        "prompt_cache_key": SESSIONS[run],
        "metadata": {"user_id": f"user_{DEVICE}_account__session_{SESSIONS[run]}", "traceId": TURNS[run]},
        "request_id": TURNS[run],
    }
    return [Sent(ANTHROPIC, headers, body)]


def sdk(agent: str, url: str, body: dict[str, Any]) -> Callable[[int], list[Sent]]:
    """An SDK: only ids of the request differ."""
    return lambda run: [Sent(url, {"user-agent": agent, "x-client-request-id": TURNS[run]}, body)]


HELLO = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
ASKED = {"model": "gpt-4o", "input": "hello"}
CLAUDE = {"model": "claude-sonnet-5.5", "max_tokens": 64, "messages": [{"role": "user", "content": "hello"}]}
CONTENTS = {"contents": [{"parts": [{"text": "hello"}], "role": "user"}]}
GENERATE = f"{GOOGLE}/gemini-2.5-flash"

MODES: dict[str, tuple[str, Callable[[int], list[Sent]]]] = {
    "claude": ("claude_code", claude),
    "claude_tool": ("claude_code", lambda run: claude(run, tool=True)),
    "codex": ("codex", codex),
    "codex_tool": ("codex", lambda run: codex(run, tool=True)),
    "codex_chatgpt": ("codex", lambda run: codex(run, url=CHATGPT)),
    "gemini": ("gemini_cli", gemini),
    "gemini_tool": ("gemini_cli", lambda run: gemini(run, tool=True)),
    "gemini_login": ("gemini_cli", gemini_login),
    "opencode_anthropic": ("opencode", opencode),
    "opencode_anthropic_tool": ("opencode", lambda run: opencode(run, tool=True)),
    "opencode_openai": ("opencode", lambda run: opencode(run, url=RESPONSES)),
    "copilot_claude": ("copilot", copilot),
    "copilot_claude_tool": ("copilot", lambda run: copilot(run, tool=True)),
    "copilot_gpt_ws": ("copilot", copilot_socket),
    "copilot_gpt_http": ("copilot", lambda run: copilot(run, gpt=True)),
    "qwen": ("qwen_code", qwen),
    "openai_agents": ("openai_agents", agents),
    "aider": ("openai_sdk", sdk("OpenAI/Python 2.20.0", CHAT, {**HELLO, "stream": True})),
    "cline": ("cline", sdk("Cline/3.40.0", CHAT, HELLO)),
    "continue": ("continue_dev", sdk("Continue/1.5.0", CHAT, HELLO)),
    "py/openai": ("openai_sdk", sdk("OpenAI/Python 2.54.0", CHAT, HELLO)),
    "py/openai-responses": ("openai_sdk", sdk("OpenAI/Python 2.54.0", RESPONSES, ASKED)),
    "py/anthropic": ("anthropic_sdk", sdk("Anthropic/Python 2.12.0", ANTHROPIC, CLAUDE)),
    "py/anthropic-count": ("anthropic_sdk", sdk("Anthropic/Python 2.12.0", f"{ANTHROPIC}/count_tokens", CLAUDE)),
    "py/genai": (
        "google_genai",
        sdk("google-genai-sdk/3.4.0 gl-python/3.11.7", f"{GENERATE}:generateContent", CONTENTS),
    ),
    "py/langchain-anthropic": ("langchain", sdk("langchain-anthropic/1.7.7", ANTHROPIC, CLAUDE)),
    "node/openai": ("openai_sdk", sdk("OpenAI/JS 7.57.0", CHAT, HELLO)),
    "node/anthropic": ("anthropic_sdk", sdk("Anthropic/JS 1.12.0", ANTHROPIC, CLAUDE)),
    "node/genai": (
        "google_genai",
        sdk("google-genai-sdk/3.1.0 gl-node/v24.19.0", f"{GENERATE}:generateContent", CONTENTS),
    ),
    "node/ai-openai": ("generic", sdk("ai/7.0.173 ai-sdk-provider-utils/5.0.81 node.js/24", RESPONSES, ASKED)),
    "node/fetch": ("generic", sdk("node", CHAT, HELLO)),
    "vibe": ("generic", vibe),
    "unknown": ("generic", unknown),
}
"""Mode to the client that is recognised, and its runs."""
