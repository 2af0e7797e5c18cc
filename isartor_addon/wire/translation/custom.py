"""Tools that take free text instead of a JSON object (`custom` on OpenAI's wires), said as functions of one argument.

Only OpenAI's own models know them, and only there can a grammar be enforced; to all others the tool is a function
whose one argument is the text, its grammar a part of the description. In the reply the call becomes the client's own
again.
"""

from __future__ import annotations

from typing import Final

import orjson

from isartor_addon.core.prompt import Json
from isartor_addon.wire.fields import arguments_text
from isartor_addon.wire.translation.ask import Function

INPUT: Final = "input"
"""The one argument."""


def as_function(name: str, description: str, form: Json) -> Function:
    """
    A custom tool as a function.

    Args:
        name: the function's name.
        description: the tool's own.
        form: its `format`, None where it has none: any text.
    """
    text = {"type": "string", "description": "The whole input of the tool, as plain text."}
    schema = {"type": "object", "properties": {INPUT: text}, "required": [INPUT], "additionalProperties": False}
    return Function(name, "\n\n".join(filter(None, (description, _grammar(form)))), schema)


def _grammar(form: Json) -> str:
    if not isinstance(form, dict) or form.get("type") != "grammar":
        return ""
    held = form.get("grammar")  # chat says it one level deeper than Responses
    told = held if isinstance(held, dict) else form
    return f"The input must match this {told.get('syntax', '')} grammar:\n{told.get('definition', '')}"


def wrapped(text: str) -> str:
    """Free text as the arguments of the function."""
    return arguments_text({INPUT: text})


def unwrapped(arguments: str) -> str:
    """The free text of a call. Arguments of another shape, a model's slip, are given as they came: the tool will say
    so.
    """
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    text = value.get(INPUT) if isinstance(value, dict) and len(value) == 1 else None
    return text if isinstance(text, str) else arguments
