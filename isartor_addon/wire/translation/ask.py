"""A request in words that belong to no wire.

Unlike `core.prompt`, which keeps what a wire said in the wire's own way beside the neutral types, nothing here is any
wire's own: no part has `extra`, every setting has one form. So what an `Ask` holds can be said on every wire that has
a place for it, and a reader must say of every field of a body where it went.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from isartor_addon.core.prompt import Json, Sampling, Turn

ChoiceMode = Literal["auto", "none", "required", "named"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


@dataclass(frozen=True, slots=True)
class Function:
    """A tool the client runs, called with a JSON object."""

    name: str
    description: str = ""
    schema: Json = None
    """JSON Schema of the arguments; None where it takes none."""
    strict: bool | None = None
    """Whether the provider is to enforce the schema; None: not said."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which tools the model must or may call."""

    mode: ChoiceMode
    name: str = ""
    """The tool, where it is `named`."""


@dataclass(frozen=True, slots=True)
class Format:
    """What the answer must look like: some JSON object, or JSON after a schema."""

    schema: Json = None
    """None: any JSON object."""
    name: str = ""
    description: str = ""
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class Own:
    """How the client's wire names a tool that is offered to the provider as a plain function."""

    name: str
    namespace: str = ""
    """The namespace it stands in (Responses)."""
    custom: bool = False
    """Whether it takes free text instead of a JSON object."""


type Offered = Mapping[str, Own]
"""Name of the function to the client's tool, for those tools only that are not plain functions there."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to a model."""

    turns: tuple[Turn, ...]
    """Roles `system`, `user`, `assistant` and `tool`; no two of one role follow each other. A `tool` turn holds
    results and nothing else, and all parts are without `extra` and without reasoning."""
    tools: tuple[Function, ...] = ()
    choice: Choice | None = None
    parallel: bool | None = None
    """Whether several tools may be called at once; None: not said."""
    sampling: Sampling = field(default_factory=Sampling)
    format: Format | None = None
    effort: Effort | None = None
    """How hard to think; None: not said."""
    offered: Offered = field(default_factory=dict)
