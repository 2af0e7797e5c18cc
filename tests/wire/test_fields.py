"""The typed readers of JSON that the wires share."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.core.errors import BadReply, ClientMistake, Untranslatable
from isartor_addon.wire.fields import (
    arguments_object,
    arguments_text,
    asked,
    count,
    data_url,
    loads_object,
    rest,
    said,
    split_data_url,
)
from tests.wire.chat_bodies import values


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("text", ["", "a"], [None, 1, ["a"]]),
        ("object", [{}, {"a": 1}], [None, [], "{}"]),
        ("items", [[], [1]], [None, {}, "[]"]),
        ("objects", [[], [{}]], [[1], {}, None]),
        ("integer", [0, -5], [True, 1.0, "1", None]),
        ("number", [0, 0.5], [False, "1", None]),
    ],
)
def test_values_of_a_kind_pass_and_others_raise(kind: str, good: list[Any], bad: list[Any]) -> None:
    """The one reader blames the client, the other the provider; the sentence names the field."""
    for value in good:
        assert value == getattr(asked, kind)(value, "here")
    for value in bad:
        with pytest.raises(ClientMistake, match=r"^here"):
            getattr(asked, kind)(value, "here")
        with pytest.raises(BadReply, match=r"^here"):
            getattr(said, kind)(value, "here")


def test_the_sentence_names_what_was_given() -> None:
    """People read it."""
    with pytest.raises(ClientMistake, match=r"messages\[1\] must be an object, not a boolean"):
        asked.objects([{}, True], "messages")


def test_counts_are_whole_numbers_or_unsaid() -> None:
    """Nonsense in a count does not spoil a reply."""
    assert [3, None, None, None] == [count(value) for value in (3, None, "3", True)]


def test_rest_is_what_is_not_known() -> None:
    """`extra` holds what no neutral field does."""
    assert {"b": None} == rest({"a": 1, "b": None}, ("a", "c"))


@given(st.dictionaries(st.text(max_size=4), values, max_size=4))
def test_arguments_come_back(value: dict[str, Any]) -> None:
    """An object, written as text, is read as the same object."""
    assert value == arguments_object(arguments_text(value))


def test_arguments_as_deep_as_can_be_read_can_be_written() -> None:
    """orjson reads deeper than it writes."""
    deep = orjson.loads(b'{"a":' + b"[" * 900 + b"]" * 900 + b"}")
    assert deep == arguments_object(arguments_text(deep))


def test_no_arguments_are_an_empty_object_and_free_text_is_none() -> None:
    """Models leave the arguments of a tool without parameters out; custom tools take any text."""
    assert {} == arguments_object(" ")
    for text in ("*** Begin Patch", "[1]"):
        with pytest.raises(Untranslatable):
            arguments_object(text)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"[" * 2000])
def test_an_event_that_is_no_object_is_a_bad_reply(data: bytes) -> None:
    """Whatever a provider sends for an event."""
    with pytest.raises(BadReply):
        loads_object(data)


@given(st.text(max_size=20) | st.builds("data:{};base64,{}".format, st.text(max_size=9), st.text(max_size=9)))
def test_a_data_url_that_is_split_is_put_together_again(url: str) -> None:
    """Otherwise it stays a URL as it is."""
    split = split_data_url(url)
    assert split is None or url == data_url(*split)
    assert ("image/png", "AAAA") == split_data_url("data:image/png;base64,AAAA")
