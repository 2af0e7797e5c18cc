"""Whether two answers say the same: what can be held side by side here, what is left to nearness in meaning.

Strict where a difference would show at once in what somebody does with the answer: tool calls, code, numbers, yes and
no. Being wrong here in one direction costs a hit that would have been right, in the other a wrong one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import orjson

from isartor_addon.core.prompt import Text, ToolCall
from isartor_addon.core.reply import Reply

NEAR_ENOUGH = 0.80
"""Cosine between two answers that say the same in words of their own."""
COMPARED = 1000
"""Characters of an answer that are compared by meaning: its beginning says what it is."""

_BLOCK = re.compile(r"```[^\n`]*\n(.*?)(?:```|\Z)", re.S)
_LIST_NUMBER = re.compile(r"^\s*(?:\d+[.)]|#+|[-*+])\s+", re.M)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORD = re.compile(r"[^\W_]+(?:'\w+)?")
_VERDICTS = {"yes": "yes", "correct": "yes", "true": "yes", "no": "no", "incorrect": "no", "false": "no"}


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, taken apart."""

    words: str
    """Its text without code, the marks of lists and white space that says nothing."""
    code: tuple[str, ...]
    """Its code blocks, white space evened out."""
    calls: tuple[str, ...]
    """Its tool calls: name and arguments, without ids."""
    numbers: frozenset[str]
    verdict: str
    """`yes` or `no`, where it begins so."""


def said(reply: Reply) -> Said:
    """Take an answer apart."""
    text = "\n".join(part.text for part in reply.parts if isinstance(part, Text))
    prose = _LIST_NUMBER.sub("", _BLOCK.sub("\n", text))
    first = _WORD.search(prose)
    return Said(
        words=" ".join(prose.split()),
        code=tuple(" ".join(block.split()) for block in _BLOCK.findall(text)),
        calls=tuple(_call(part) for part in reply.parts if isinstance(part, ToolCall)),
        numbers=frozenset(number.strip(".,:") for number in _NUMBER.findall(prose)),
        verdict=_VERDICTS.get(first[0].lower(), "") if first else "",
    )


def difference(one: Said, other: Said) -> str:
    """What two answers plainly differ in: `tool calls`, `code`, `numbers`, `yes or no`; empty if in none of these."""
    if one.calls != other.calls:
        return "tool calls"
    if one.code != other.code:
        return "code"
    if one.numbers - other.numbers and other.numbers - one.numbers:  # a number more is only more detail
        return "numbers"
    if one.verdict and other.verdict and one.verdict != other.verdict:
        return "yes or no"
    return ""


def plainly_same(one: Said, other: Said) -> bool:
    """Whether no meaning need be asked for: the words of the one are words of the other."""
    shorter, longer = sorted((" ".join(_WORD.findall(each.words.lower())) for each in (one, other)), key=len)
    return bool(shorter) and f" {shorter} " in f" {longer} "


def _call(call: ToolCall) -> str:
    try:
        arguments = orjson.dumps(orjson.loads(call.arguments), option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONDecodeError:
        arguments = call.arguments
    return f"{call.name} {arguments}"
