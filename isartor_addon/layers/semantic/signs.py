"""How the guard reads a text in Chinese, Japanese or Korean: sign for sign."""

from __future__ import annotations

import re
import unicodedata

from isartor_addon.layers.semantic import lexicon
from isartor_addon.layers.semantic.features import Features
from isartor_addon.layers.semantic.forms import Token, normal

PAUSES = frozenset("\u3002\u3001\uff0c,.\uff1f?\uff01!\uff1b;\uff1a:\u2026~\uff5e\u30fb")
"""Signs that say nothing in a text in Chinese, Japanese or Korean."""


def bare(text: str) -> str:
    """A text in Chinese, Japanese or Korean without spaces, punctuation, and politeness at its ends."""
    text = "".join(sign for sign in normal(text) if unicodedata.category(sign)[0] != "Z" and sign not in PAUSES)
    before = ""
    while before != text:
        before = text
        for wrapper in lexicon.CJK_WRAPPERS:
            if len(text) > len(wrapper):
                text = text.removeprefix(wrapper).removesuffix(wrapper)
    return text


def signs(text: str) -> Features:
    """There every sign counts, and so does its place: a word is not told from the next one."""
    runs = re.findall(r"[0-9]+(?:[.,:][0-9]+)*|[A-Za-z]+|.", bare(text).lower(), re.DOTALL)
    tokens = tuple(Token("number" if run[0].isdigit() else "sign", run, run) for run in runs)
    values = tuple(token.value for token in tokens)
    nothing: frozenset[str] = frozenset()
    bags = {"sign": values}
    return Features("cjk", nothing, nothing, (), (), tokens, (("", values),), False, bags)
