"""What a client asks, in words that belong to no provider.

A Prompt is read from the decoded body of a request and serves decisions and translation. The body as received
stays the ground truth: a request that goes on to its own provider is never rendered from a Prompt.
What a wire says that these types cannot is kept whole: unknown content as an `Opaque` part, unknown fields in `extra`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

type Json = Any
"""A decoded JSON value."""

Role = Literal["system", "developer", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Text:
    """Words."""

    text: str
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Fields of the part that only its wire knows (`cache_control`, `citations`, `annotations`)."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, by value or by reference: exactly one of `data` and `url` is set."""

    data: str = ""
    """Base64, without a `data:` prefix."""
    media_type: str = ""
    """For example `image/png`; empty where the wire does not say."""
    url: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """A file given to the model (PDF, text), by value or by reference."""

    data: str = ""
    """Base64, without a `data:` prefix."""
    media_type: str = ""
    url: str = ""
    name: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool."""

    id: str
    """As the provider gave it; empty where the wire has none (Gemini, Ollama)."""
    name: str
    arguments: str
    """JSON text: as received where the wire carries text, else compact. Free text for custom tools."""
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave back."""

    call_id: str
    parts: tuple[Part, ...]
    name: str = ""
    """The tool's name, where the wire carries it beside the result (Gemini)."""
    is_error: bool = False
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Thinking:
    """The model's reasoning, as far as the provider shows it."""

    text: str
    signature: str = ""
    """The provider's proof that it wrote this; it must travel back unchanged."""
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opaque:
    """Content that the neutral types cannot say, kept as it came."""

    wire: str
    """The wire that knows how to write it back."""
    value: Json


type Part = Text | Image | Document | ToolCall | ToolResult | Thinking | Opaque


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the conversation."""

    role: Role
    parts: tuple[Part, ...]
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool the model may call."""

    name: str
    description: str = ""
    schema: Json = None
    """JSON Schema of the arguments, or None where the tool has none of its own (provider-run and custom tools)."""
    extra: Mapping[str, Json] = field(default_factory=dict)
    """All other fields of the definition, its `type` included where it is not the wire's plain function type."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the model is asked to choose its words. None: not said."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request to a model."""

    model: str
    turns: tuple[Turn, ...]
    system: tuple[Part, ...] = ()
    """Instructions that the wire keeps apart from the turns (Anthropic, Gemini, Responses). System messages that
    stand among the turns stay there."""
    tools: tuple[Tool, ...] = ()
    tool_choice: Json = None
    """As the wire says it."""
    sampling: Sampling = Sampling()
    response_format: Json = None
    """As the wire says it."""
    stream: bool = False
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Every other field of the body."""
