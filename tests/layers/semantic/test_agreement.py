"""Whether two answers say the same."""

from __future__ import annotations

import pytest

from isartor_addon.core.prompt import Part, Text, Thinking, ToolCall
from isartor_addon.core.reply import Reply, Stop
from isartor_addon.layers.semantic.agreement import difference, plainly_same, said


def reply(*parts: Part | str) -> Reply:
    return Reply("id", "m", tuple(Text(part) if isinstance(part, str) else part for part in parts), Stop("end"))


CODE = "Use this:\n```python\nprint(1)\n```"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Paris.", "It is Paris.", ""),
        ("Version 3.11", "Version 3.12", "numbers"),
        ("It takes 5 minutes.", "It takes 5 minutes, at 20 degrees.", ""),
        ("1. a\n2. b", "- a\n- b", ""),
        ("Yes, it is.", "No, it is not.", "yes or no"),
        ("Yes, it is.", "It is.", ""),
        ("True: it is.", "Correct, it is.", ""),
        (CODE, CODE.replace("print(1)", "print(2)"), "code"),
        (CODE, CODE.replace("print(1)", "print(1)  "), ""),
        (CODE, "Use this: print", "code"),
        (CODE, CODE.removesuffix("```"), ""),
    ],
)
def test_texts(one: str, other: str, expected: str) -> None:
    """Numbers, code and verdicts must agree; what is merely said at more length may differ. Both ways round."""
    assert expected == difference(said(reply(one)), said(reply(other)))
    assert expected == difference(said(reply(other)), said(reply(one)))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [('{"b":1,"a":2}', ""), ('{"a":2,"b":2}', "tool calls"), ("no json", "tool calls")],
)
def test_calls(arguments: str, expected: str) -> None:
    """Tool calls must be the same but for their ids and the order of arguments."""
    one = said(reply(ToolCall("c1", "look", '{"a":2,"b":1}')))
    assert expected == difference(one, said(reply(ToolCall("c2", "look", arguments))))
    assert "tool calls" == difference(one, said(reply("I looked.")))


def test_thoughts_do_not_count() -> None:
    """How it came to the answer is not the answer."""
    assert said(reply("Paris.")) == said(reply(Thinking("Hm, 42"), "Paris."))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Paris.", "The capital of France is Paris.", True),
        ("Paris", "paris", True),
        ("Par", "Paris", False),
        ("", "Paris", False),
        ("Paris", "Lyon", False),
    ],
)
def test_the_short_answer_in_the_long_one(one: str, other: str, expected: bool) -> None:
    """A word of the answer is the answer; a part of a word is not."""
    assert expected is plainly_same(said(reply(one)), said(reply(other)))
