from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.ambiguous import ambiguous


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":2}',
        b'{"x":[{"a":{"b":1,"c":2,"b":1}}]}',
        b'{"a":1,"\\u0061":2}',
        b'{"n":18446744073709551616}',
        b'{"n":18446744073709551617}',
        b'{"n":-9223372036854775809}',
        b'{"n":1.8446744073709552e19}',
        b'{"n":1e20}',
        b'{"n":%b}' % (b"9" * 5000),
        b"[" * 100_000,
        b'{"a":',
        b'"\xff"',
    ],
)
def test_what_two_readers_may_understand_differently(raw: bytes) -> None:
    """Fields given twice, numbers beyond 64 bits, and what is no JSON are found."""
    assert "" != ambiguous(raw)


@pytest.mark.parametrize(
    "raw",
    [b'{"a":{"a":1},"b":[{"a":1},{"a":1}]}', b'{"n":[18446744073709551615,-9223372036854775808,0.1,1e5,-0.0]}', b"[]"],
)
def test_what_everybody_understands(raw: bytes) -> None:
    """The same name in two objects and every number of 64 bits are plain."""
    assert "" == ambiguous(raw)


def test_orjson_merges_what_is_found_here() -> None:
    """The reason for this check: different bodies that orjson decodes to one."""
    assert orjson.loads(b'{"a":1,"a":2}') == orjson.loads(b'{"a":2}')
    assert orjson.loads(b"18446744073709551616") == orjson.loads(b"18446744073709551617")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100)
@given(VALUES)
def test_orjson_loses_nothing_of_an_unambiguous_body(value: Any) -> None:
    """Where nothing is found, orjson decodes to what Python's own reader does."""
    raw = json.dumps(value).encode()
    if not ambiguous(raw):
        assert json.loads(raw) == orjson.loads(raw)
