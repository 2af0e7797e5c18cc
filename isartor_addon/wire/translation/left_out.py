"""What is deliberately not carried from one wire to another, each with its reason.

A field of a request that is neither translated nor in this table makes it `Untranslatable`. The README's table and the
readers of the wires both come from here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Json

BOOKKEEPING: Final = "the provider's bookkeeping: who asks, what is kept, how it is billed"
CACHE: Final = "hints for the provider's prompt cache; the answer is the same without"
ECHO: Final = "ids, states and notes that the provider itself gave to earlier content"
SPEED: Final = "how fast or in what pieces the answer comes, not what it says"
REASONING: Final = (
    "reasoning of earlier turns: a provider takes back only its own, and the answers in it stand beside it"
)
DEFAULT: Final = "says what every provider does unasked"
WISH: Final = "a wish about length or detail that other providers have no setting for"
UPFRONT: Final = "when the provider reads a tool's definition; all are told from the start"
CHECKS: Final = "checks that the provider runs beside the model"
FORGETTING: Final = "what the provider may forget of earlier content; others read all of it"
MACHINE: Final = "how Ollama loads the model on its own machine"


@dataclass(frozen=True, slots=True)
class Left:
    """One row."""

    wire: str
    place: str
    """`body`, `turn`, `part`, `tool`, or an object in the body by its name."""
    fields: tuple[str, ...]
    why: str
    only: tuple[Json, ...] = ()
    """The values for which this holds; empty: all."""


CHAT: Final = "openai_chat"
RESPONSES: Final = "openai_responses"
MESSAGES: Final = "anthropic_messages"
GEMINI: Final = "gemini"
INTERNAL: Final = "gemini_internal"
OLLAMA: Final = "ollama"
NATIVE: Final = "native"

USUAL_TOP_K: Final = 64
"""The default of Gemini's models."""

LEFT_OUT: Final[tuple[Left, ...]] = (
    Left(CHAT, "body", ("metadata", "store", "user", "service_tier", "safety_identifier"), BOOKKEEPING),
    Left(CHAT, "body", ("prompt_cache_key", "prompt_cache_retention"), CACHE),
    Left(CHAT, "body", ("stream_options", "prediction"), SPEED),
    Left(CHAT, "body", ("verbosity",), WISH),
    Left(CHAT, "body", ("n",), DEFAULT, only=(1,)),
    Left(CHAT, "body", ("frequency_penalty", "presence_penalty"), DEFAULT, only=(0,)),
    Left(CHAT, "body", ("logprobs", "stream"), DEFAULT, only=(False,)),
    Left(CHAT, "body", ("top_logprobs",), DEFAULT, only=(0,)),
    Left(CHAT, "body", ("logit_bias", "tools", "functions", "stop"), DEFAULT, only=({}, [])),
    Left(CHAT, "body", ("modalities",), DEFAULT, only=(["text"],)),
    Left(CHAT, "turn", ("annotations", "id"), ECHO),
    Left(CHAT, "turn", ("reasoning_details", "reasoning", "reasoning_content"), REASONING),
    Left(CHAT, "turn", ("tool_calls", "refusal"), DEFAULT, only=([], "")),
    Left(CHAT, "turn", ("cache_control",), CACHE),
    Left(CHAT, "part", ("cache_control",), CACHE),
    Left(CHAT, "part", ("detail",), WISH),
    Left(CHAT, "part", ("index", "extra_content"), ECHO),
    Left(CHAT, "tool", ("cache_control",), CACHE),
    Left(MESSAGES, "body", ("metadata", "service_tier", "diagnostics"), BOOKKEEPING),
    Left(MESSAGES, "body", ("cache_control",), CACHE),
    Left(MESSAGES, "body", ("speed",), SPEED),
    Left(MESSAGES, "body", ("context_management",), FORGETTING),
    Left(MESSAGES, "body", ("safeguards",), CHECKS),
    Left(MESSAGES, "body", ("stream",), DEFAULT, only=(False,)),
    Left(MESSAGES, "body", ("tools", "stop_sequences", "mcp_servers", "system", "betas"), DEFAULT, only=([], "")),
    Left(MESSAGES, "turn", ("cache_control",), CACHE),
    Left(MESSAGES, "part", ("cache_control",), CACHE),
    Left(MESSAGES, "part", ("citations",), ECHO),
    Left(MESSAGES, "part", ("caller",), DEFAULT, only=({"type": "direct"},)),
    Left(MESSAGES, "part", ("is_error",), DEFAULT, only=(False,)),
    Left(MESSAGES, "tool", ("type",), DEFAULT, only=("custom",)),
    Left(MESSAGES, "tool", ("cache_control",), CACHE),
    Left(MESSAGES, "tool", ("defer_loading",), UPFRONT),
    Left(MESSAGES, "tool", ("eager_input_streaming",), SPEED),
    Left(MESSAGES, "tool", ("allowed_callers",), DEFAULT, only=(["direct"],)),
    Left(
        RESPONSES,
        "body",
        ("metadata", "client_metadata", "store", "user", "service_tier", "safety_identifier", "include"),
        BOOKKEEPING,
    ),
    Left(RESPONSES, "body", ("headers", "initiator", "agent_task_id"), BOOKKEEPING),
    Left(RESPONSES, "body", ("prompt_cache_key", "prompt_cache_retention"), CACHE),
    Left(RESPONSES, "body", ("stream_options",), SPEED),
    Left(RESPONSES, "body", ("truncation",), DEFAULT, only=("disabled",)),
    Left(RESPONSES, "body", ("background", "stream"), DEFAULT, only=(False,)),
    Left(RESPONSES, "body", ("top_logprobs",), DEFAULT, only=(0,)),
    Left(RESPONSES, "body", ("tools",), DEFAULT, only=([],)),
    Left(RESPONSES, "body", ("max_tool_calls",), WISH),
    Left(RESPONSES, "text", ("verbosity",), WISH),
    Left(RESPONSES, "reasoning", ("summary", "generate_summary", "context"), WISH),
    Left(RESPONSES, "turn", ("id", "status", "phase", "internal_chat_message_metadata_passthrough"), ECHO),
    Left(
        RESPONSES,
        "part",
        ("id", "status", "annotations", "logprobs", "internal_chat_message_metadata_passthrough"),
        ECHO,
    ),
    Left(RESPONSES, "part", ("detail", "prompt_cache_breakpoint"), WISH),
    Left(GEMINI, "body", ("labels", "session_id", "sessionId", "serviceTier"), BOOKKEEPING),
    Left(GEMINI, "envelope", ("project", "user_prompt_id", "enabled_credit_types"), BOOKKEEPING),
    Left(GEMINI, "body", ("safetySettings", "safety_settings"), CHECKS),
    Left(GEMINI, "part", ("thoughtSignature", "thought_signature"), REASONING),
    Left(GEMINI, "thinkingConfig", ("includeThoughts", "include_thoughts"), WISH),
    Left(GEMINI, "generationConfig", ("topK",), DEFAULT, only=(USUAL_TOP_K,)),
    Left(GEMINI, "generationConfig", ("candidateCount",), DEFAULT, only=(1,)),
    Left(GEMINI, "generationConfig", ("presencePenalty", "frequencyPenalty"), DEFAULT, only=(0,)),
    Left(GEMINI, "generationConfig", ("responseLogprobs", "enableEnhancedCivicAnswers"), DEFAULT, only=(False,)),
    Left(GEMINI, "generationConfig", ("responseModalities",), DEFAULT, only=(["TEXT"],)),
    Left(GEMINI, "generationConfig", ("mediaResolution",), WISH),
    Left(OLLAMA, "body", ("keep_alive",), SPEED),
    Left(OLLAMA, "body", ("stream", "truncate", "shift"), DEFAULT, only=(True, False)),
    Left(OLLAMA, "body", ("tools", "images", "messages"), DEFAULT, only=([],)),
    Left(
        OLLAMA,
        "options",
        ("num_ctx", "num_keep", "num_batch", "num_gpu", "num_thread", "main_gpu", "use_mmap"),
        MACHINE,
    ),
    Left(OLLAMA, "turn", ("tool_calls", "images", "thinking"), DEFAULT, only=([], "")),
    Left(OLLAMA, "part", ("type",), DEFAULT, only=("function",)),
    Left(OLLAMA, "part", ("index",), ECHO),
)


def _indexed() -> Mapping[tuple[str, str, str], tuple[Left, ...]]:
    found: dict[tuple[str, str, str], tuple[Left, ...]] = {}
    for row in LEFT_OUT:
        for name in row.fields:
            key = (row.wire, row.place, name)
            found[key] = (*found.get(key, ()), row)
    return found


_ROWS: Final = _indexed()


def leave(wire: str, place: str, fields: Mapping[str, Json], *, known: Iterable[str] = ()) -> None:
    """
    Make sure that nothing with a meaning is left behind.

    Args:
        wire: whose fields these are.
        place: see `Left.place`.
        fields: what is left when everything else has been understood. A null says nothing.
        known: names that the caller has taken care of.

    Raises:
        Untranslatable: a field is neither known nor in the table.
    """
    for name, value in fields.items():
        if value is None or name in known:
            continue
        rows = _ROWS.get((wire, place, name), ())
        if not any(not row.only or any(_same(value, each) for each in row.only) for row in rows):
            raise Untranslatable(f"{name} of a {wire} {place} has no counterpart")


def _same(one: Json, other: Json) -> bool:
    """Equality that tells a boolean from a number."""
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)


def table() -> str:
    """The table for the README, one row a reason; that empty fields say nothing needs no row."""
    lines = ["| left out | because |", "|---|---|"]
    for why in dict.fromkeys(row.why for row in LEFT_OUT):
        rows = [row for row in LEFT_OUT if row.why == why and (not row.only or any(row.only))]
        named = dict.fromkeys(_told(row, name) for row in rows for name in row.fields)
        lines.append(f"| {', '.join(named)} | {why} |")
    return "\n".join(lines) + "\n"


def _told(row: Left, name: str) -> str:
    values = " or ".join(json.dumps(value) for value in row.only)
    return f"`{name}: {values}`" if values else f"`{name}`"
