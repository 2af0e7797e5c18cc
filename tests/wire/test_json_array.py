"""The growing JSON array."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.errors import BadReply
from isartor_addon.wire.json_array import Elements

texts = st.text('a"\\[]{},: \n\u00e9', max_size=8)
values = st.recursive(texts | st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner))
arrays = st.lists(st.dictionaries(texts, values, max_size=3), max_size=4)


def feed(content: bytes, cuts: list[int]) -> tuple[list[Any], bool]:
    elements = Elements()
    ends = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    found = [each for i in range(len(ends) - 1) for each in elements.feed(content[ends[i] : ends[i + 1]])]
    return [json.loads(each) for each in found], elements.closed


@settings(max_examples=60)
@given(array=arrays, indent=st.none() | st.integers(0, 2), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_elements_are_found_at_every_split(array: list[Any], indent: int | None, cuts: list[int]) -> None:
    """However the array is written and cut, its elements come out, and its end is seen."""
    content = b"\r\n " + json.dumps(array, indent=indent, ensure_ascii=False).encode() + b"\n"
    assert (array, True) == feed(content, cuts)
    assert (array, True) == feed(content, list(range(len(content))))


def test_elements_come_as_soon_as_they_are_complete() -> None:
    """An element does not wait for the comma after it."""
    elements = Elements()
    assert [[], [b'{"a":"}"}'], [], [b"{}"]] == [
        elements.feed(piece) for piece in (b'[{"a":"', b'}"}', b"\r\n,\r\n", b"{}")
    ]
    assert not elements.closed


@pytest.mark.parametrize(
    "content",
    [
        *(b"{}", b"1", b"x[", b'"["]', b"[1{}", b"[{}{}", b"[{},,{}"),
        *(b"[,{}", b"[{},]", b"[[{}]]", b'["a",{}]', b"[{}]x", b"[}", b"]"),
    ],
)
def test_what_is_no_array_of_objects_is_refused(content: bytes) -> None:
    """Elements stand between brackets, with one comma between two, and nothing else does."""
    with pytest.raises(BadReply):
        Elements().feed(content + b" ]")


def test_an_element_has_a_limit() -> None:
    """An element that does not end is not held for ever."""
    elements = Elements(limit=100)
    elements.feed(b'[{"a":"')
    with pytest.raises(BadReply, match="more than 100 bytes"):
        elements.feed(b"a" * 101)
