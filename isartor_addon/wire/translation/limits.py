"""How much a model can write at most, as far as its name tells.

A request may ask for more than another provider's model can write (Claude Code asks for 128,000 tokens). Asking for
that is an error there, while the model's own limit cuts no answer short that the request would have let grow longer
and the model could write. So what is asked for above it becomes it; where no limit is known, what was asked goes on.

Sources: the providers' own lists of models.
"""

from __future__ import annotations

import re
from typing import Final

MOST: Final[tuple[tuple[str, int], ...]] = (
    (r"claude-3-(?:opus|haiku|sonnet)", 4096),
    (r"claude-3[-.]5", 8192),
    (r"claude-opus-4(?:-1|-0|-2025|$|@)", 32000),
    (r"claude-(?:3[-.]7|sonnet-4|haiku-4|opus-4-5)", 64000),
    (r"gpt-3\.5|gpt-4(?![.o0-9])", 4096),
    (r"gpt-4o", 16384),
    (r"gpt-4\.1", 32768),
    (r"(?:^|/)o[134](?![a-z0-9])", 100_000),
    (r"gpt-5", 128_000),
    (r"gemini-(?:1|2\.0)", 8192),
    (r"gemini-(?:2\.5|3)", 65536),
    (r"deepseek-chat", 8192),
)
"""The first row whose pattern stands in the model's name."""
ANTHROPIC_UNSAID: Final = 64000
"""What an Anthropic model that is not in the table is allowed where the request says nothing: this wire wants a
number."""


def most(model: str) -> int | None:
    """The most tokens that a model writes in one answer; None where its name does not tell."""
    return next((tokens for pattern, tokens in MOST if re.search(pattern, model)), None)


def within(asked: int | None, model: str) -> int | None:
    """What to ask a model for."""
    known = most(model)
    return asked if asked is None or known is None else min(asked, known)
