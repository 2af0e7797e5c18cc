"""Requests that hold bare texts in one field instead of a conversation (OpenAI embeddings and legacy completions).

Each text is one user turn. `extra` keeps `[]` under the field's name where it was a list though one text would do;
token numbers and other shapes are one `Opaque` part.
"""

from __future__ import annotations

from collections.abc import Mapping

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Json, Opaque, Prompt, Text, Turn
from isartor_addon.wire.fields import rest


def parse(body: Mapping[str, Json], field: str, *, wire: str, model: str) -> Prompt:
    """Read a request whose texts stand in `field`."""
    extra = rest(body, (field,))
    if isinstance(body.get("model"), str):
        del extra["model"]
    value = body.get(field)
    if isinstance(value, str):
        turns = [Turn("user", (Text(value),))]
    elif isinstance(value, list) and all(isinstance(each, str) for each in value):
        turns = [Turn("user", (Text(each),)) for each in value]
        if len(turns) < 2:
            extra[field] = []
    elif field in body:
        turns = [Turn("user", (Opaque(wire, value),))]
    else:
        turns = []
    return Prompt(model=model, turns=tuple(turns), extra=extra)


def render(prompt: Prompt, field: str, *, wire: str) -> dict[str, Json]:
    """
    Write a request body whose texts stand in `field`.

    Raises:
        Untranslatable: the prompt holds more than texts.
    """
    body = dict(prompt.extra)
    if prompt.model:
        body["model"] = prompt.model
    parts = [part for turn in prompt.turns for part in turn.parts]
    if len(parts) == 1 and isinstance(parts[0], Opaque) and parts[0].wire == wire:
        return {**body, field: parts[0].value}
    texts = [part.text for part in parts if isinstance(part, Text)]
    if len(texts) != len(parts) or len(parts) != len(prompt.turns) or prompt.system or prompt.tools:
        raise Untranslatable(f"{wire} carries texts only")
    if texts:
        body[field] = texts[0] if len(texts) == 1 and field not in body else texts
    return body
