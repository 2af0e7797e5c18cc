"""How hard a model is to think: one scale for all wires, and which models take which words of it.

OpenAI names efforts, Anthropic names efforts (`output_config`, from Claude 4.6 on) or counts tokens
(`budget_tokens`), Gemini names levels (from Gemini 3 on) or counts tokens (`thinkingBudget`). A model that takes none
of this thinks as it always does: an effort is a wish, so it is left out there. Which models those are is told by
their names.

Sources: the API references of the three, and their guides to reasoning (OpenAI), extended and adaptive thinking
(Anthropic) and thinking (Gemini).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, cast, get_args

from isartor_addon.core.prompt import Json
from isartor_addon.wire.translation.ask import Effort

EFFORTS: Final[tuple[Effort, ...]] = get_args(Effort)

BUDGETS: Final[tuple[tuple[int, Effort], ...]] = (
    (0, "none"),
    (1024, "minimal"),
    (4096, "low"),
    (16384, "medium"),
    (32768, "high"),
)
"""A number of thinking tokens, up to and with it, and the effort it stands for; any more is `xhigh`."""
TOKENS: Final[Mapping[Effort, int]] = {
    "none": 0,
    "minimal": 1024,
    "low": 4096,
    "medium": 8192,
    "high": 16384,
    "xhigh": 24576,
    "max": 24576,
}
"""The number of thinking tokens that an effort stands for. Gemini 2.5 takes no more than 24,576."""

_NAMED: Final = re.compile(r"(?:.*/)?(?:o[1-9](?![a-z0-9])|gpt-(?:[5-9]|oss)|codex-|grok-[3-9]-mini|grok-[5-9])")
"""Models that take OpenAI's `reasoning_effort` or `reasoning.effort`."""
_ONLY_THREE: Final = re.compile(r"(?:.*/)?(?:o[1-9](?![a-z0-9])|gpt-oss|grok-)")
"""Those of them that know no more than `low`, `medium` and `high`."""
_ADAPTIVE: Final = re.compile(r"(?:.*[/.])?claude-[a-z]+-(?:4[-.](?:[6-9]|\d\d)(?!\d)|[5-9](?!\d))")
"""Claude models that take an effort and think as they see fit (4.6 and newer)."""
_LEVELS: Final = re.compile(r"(?:.*/)?gemini-(?:[3-9]|\d\d)")
"""Gemini models that take a level."""
_COUNTED: Final = re.compile(r"(?:.*/)?gemini-2\.5")
"""Gemini models that take a number of tokens."""


def effort_of(word: Json) -> Effort | None:
    """The effort that a word stands for; None where it is none."""
    return cast("Effort", word) if word in EFFORTS else None


def effort_of_budget(tokens: int) -> Effort | None:
    """The effort that a number of thinking tokens stands for; None where the model is to decide (a negative one)."""
    if tokens < 0:
        return None
    return next((effort for most, effort in BUDGETS if tokens <= most), "xhigh")


def openai_word(effort: Effort | None, model: str) -> str:
    """The word for an OpenAI wire, empty where nothing is to be said."""
    if effort is None or not _NAMED.match(model):
        return ""
    if _ONLY_THREE.match(model):
        return {"none": "low", "minimal": "low", "xhigh": "high", "max": "high"}.get(effort, effort)
    return "xhigh" if effort == "max" else effort


def anthropic_fields(effort: Effort | None, model: str) -> dict[str, Json]:
    """The fields of an Anthropic body; older models decide by themselves whether they think, and are told nothing."""
    if effort is None or not _ADAPTIVE.match(model):
        return {}
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    word = "low" if effort == "minimal" else "max" if effort in ("xhigh", "max") else effort
    return {"thinking": {"type": "adaptive"}, "output_config": {"effort": word}}


def gemini_config(effort: Effort | None, model: str) -> dict[str, Json]:
    """Gemini's `thinkingConfig`, empty where nothing is to be said."""
    if effort is None:
        return {}
    if _LEVELS.match(model):
        level = (
            "low" if effort in ("none", "minimal", "low") else "high" if effort in ("high", "xhigh", "max") else effort
        )
        return {"thinkingLevel": level, "includeThoughts": effort != "none"}
    if _COUNTED.match(model):
        # Its Pro models cannot be kept from thinking; 128 is the least they take.
        least = 128 if "pro" in model else 0
        return {"thinkingBudget": max(least, TOKENS[effort]), "includeThoughts": effort != "none"}
    return {}
