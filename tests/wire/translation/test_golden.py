"""One conversation as each of the four wires says it (`golden/`), and every one of them translated to every other."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from isartor_addon.wire import WIRES
from isartor_addon.wire.translate import translate_request
from tests.wire.translation.carrying import FOUR, route_of

GOLDEN = {name: json.loads((Path(__file__).parent / "golden" / f"{name}.json").read_bytes()) for name in FOUR}
MODELS = {
    "openai_chat": "gpt-5",
    "openai_responses": "gpt-5",
    "anthropic_messages": "claude-sonnet-4-6",
    "gemini": "gemini-2.5-flash",
}


def spelled(value: Any) -> Any:
    """Arguments as values, and without `strict`, which is true here and false there where nobody says it."""
    if isinstance(value, dict):
        return {name: _arguments(name, spelled(each)) for name, each in value.items() if name != "strict"}
    return [spelled(each) for each in value] if isinstance(value, list) else value


def _arguments(name: str, value: Any) -> Any:
    return json.loads(value) if name == "arguments" else value


@pytest.mark.parametrize(("source", "target"), list(permutations(FOUR, 2)))
def test_the_conversation_is_the_other_wires_own(source: str, target: str) -> None:
    """System prompt, picture, parallel calls, results, tools, choice, sampling, schema, effort: all where they
    belong."""
    told = translate_request(route_of(source), GOLDEN[source], WIRES[target], model=MODELS[target], stream=False)
    assert spelled(GOLDEN[target]) == spelled(json.loads(json.dumps(told)))
