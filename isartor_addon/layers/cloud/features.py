"""What a request asks of a model besides words, held against what a provider takes.

A provider that cannot see is not asked about a picture: it would refuse, or, worse, answer without having looked.
Reasoning is no such feature: whoever does not show it still answers the question.
"""

from __future__ import annotations

from collections.abc import Iterator

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Document, Image, Json, Part, Prompt, ToolCall, ToolResult
from isartor_addon.layers.cloud.provider import Feature, Provider


def require(provider: Provider, prompt: Prompt) -> None:
    """
    Make sure that `provider` takes all that is asked.

    Raises:
        Untranslatable: it does not.
    """
    lacking = asked(prompt) - provider.takes
    if lacking:
        raise Untranslatable(f"{provider.name} does not take {', '.join(sorted(lacking))}")


def asked(prompt: Prompt) -> frozenset[Feature]:
    """The features that a prompt needs."""
    found: set[Feature] = set()
    if prompt.tools:
        found.add("tools")
    if _names_schema(prompt.response_format):
        found.add("json_schema")
    for part in (*prompt.system, *(part for turn in prompt.turns for part in turn.parts)):
        found.update(_of(part))
    return frozenset(found)


def _of(part: Part) -> Iterator[Feature]:
    match part:
        case Image():
            yield "images"
        case Document():
            yield "documents"
        case ToolCall():
            yield "tools"
        case ToolResult():
            yield "tools"
            for each in part.parts:
                yield from _of(each)
        case _:
            pass


def _names_schema(value: Json) -> bool:
    """Whether an answer's form is given by a schema, in whichever wire's words; any JSON object is less than that."""
    if not isinstance(value, dict):
        return False
    if value.get("type") in ("json_schema", "object") or "properties" in value:
        return True
    return any("schema" in name.lower() or _names_schema(each) for name, each in value.items())
