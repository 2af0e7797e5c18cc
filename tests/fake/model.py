"""What the fake model says: numbered text, so that a replay shows, or the tool call that the prompt scripts.

`please [[tool:Bash {"command": "echo hi"}]]` makes it call that tool if the request offers it, and answer in words when
the tool's result comes back; of several such scripts in one prompt each is called when the one before has its result.
`[[think]]` makes it think first, where the wire can show that.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

type Json = Any

_SCRIPTED = re.compile(r"\[\[tool:([\w.\-]+)\s*(\{.*?\})?\]\]", re.S)
_REMINDER = re.compile(r"<system-reminder>.*?(?:</system-reminder>|\Z)", re.S)
EPOCH = 1_750_000_000
"""Where the fake clock starts: answer n is made n seconds later."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request, as far as the model cares."""

    text: str
    """The user's last words."""
    tools: Mapping[str, Json] = field(default_factory=dict)
    """Name to schema."""
    answered: int = 0
    """How many results of tools have been said since; 0 where the last thing said is none."""
    schema: Json = None
    """What the answer must look like."""
    forced: str = ""
    """The tool that must be called."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer."""

    n: int
    text: str = ""
    thought: str = ""
    tool: str = ""
    arguments: Json = field(default_factory=dict)

    @property
    def pieces(self) -> list[str]:
        """The text as it is streamed, three words at a time."""
        words = re.findall(r"\S+\s*", self.text)
        return ["".join(words[i : i + 3]) for i in range(0, len(words), 3)]

    @property
    def call(self) -> str:
        """The tool call's arguments as JSON."""
        return json.dumps(self.arguments)

    @property
    def tokens(self) -> int:
        """What the answer costs."""
        return tokens(self.text or self.call)


class Model:
    """Counts its answers."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def answer(self, question: Question) -> Turn:
        """Say something."""
        n = next(self._numbers)
        called = _called(question)
        if called:
            name, arguments = called
            return Turn(n, tool=name, arguments=sample(question.tools[name], n) if arguments is None else arguments)
        if question.schema:
            return Turn(n, text=json.dumps(sample(question.schema, n)))
        said = " ".join(question.text.split())[-80:]
        seen = "A tool result was seen. " if question.answered else ""
        thought = f"Thought {n}: the user wants words." if "[[think]]" in question.text else ""
        return Turn(n, f"ANSWER {n}: naïve words from the fake provider ✓. {seen}You said {said!r}. Done.", thought)


def _called(question: Question) -> tuple[str, Json] | None:
    if question.forced in question.tools:
        return question.forced, None
    scripts = list(_SCRIPTED.finditer(question.text))[question.answered :]
    if not scripts:
        return None
    scripted = scripts[0]
    wanted = scripted[1].lower()
    name = next((tool for tool in question.tools if tool.lower() == wanted), "")
    return (name, _arguments(scripted[2] or "{}")) if name else None


def _arguments(text: str) -> Json:
    """A scripted call's arguments; opencode quotes the prompt as a JSON string, and so escapes them."""
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(json.loads(f'"{text}"'))


def own_words(content: Json) -> str:
    """The user's own words in a message: no tool results, no reminders that a client put there."""
    if isinstance(content, list):
        content = [part for part in content if part.get("type") == "text"]
    return _REMINDER.sub("", words(content)).strip()


def tokens(value: Json) -> int:
    """A plausible number of tokens."""
    return max(1, len(value if isinstance(value, str) else json.dumps(value)) // 4)


def words(content: Json) -> str:
    """The text inside any wire's content value."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        inner = content.get("text", content.get("content"))
        return words(inner) if inner is not None else ""
    if isinstance(content, list):
        return "\n".join(filter(None, map(words, content)))
    return ""


def sample(schema: Json, n: int, root: Json = None, depth: int = 0) -> Json:
    """The smallest value that fits a JSON schema."""
    root = schema if root is None else root
    if not isinstance(schema, dict) or depth > 8:
        return f"ANSWER {n}"
    if "$ref" in schema:
        target = root
        for step in schema["$ref"].lstrip("#/").split("/"):
            target = target[step]
        return sample(target, n, root, depth + 1)
    if "const" in schema or schema.get("enum"):
        return schema["const"] if "const" in schema else schema["enum"][0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return sample(schema[choice][0], n, root, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    match (kind[0] if isinstance(kind, list) else kind).lower():
        case "object":
            fields = schema.get("properties", {})
            needed = schema.get("required") or list(fields)
            return {name: sample(fields[name], n, root, depth + 1) for name in needed if name in fields}
        case "array":
            return [sample(schema.get("items", {}), n, root, depth + 1)] * bool(schema.get("minItems"))
        case "number" | "integer":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case "null":
            return None
    return f"ANSWER {n}"
