"""Flows as the house's values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from isartor_addon.intake import CONTROL_HEADERS
from isartor_addon.proxy.convert import headers_of, kept_headers, query_of, request_of, strip_control, tell

NAMES = (
    "X-Isartor-Cache",
    "x-isartor-ttl",
    "Cache-Control",
    "Content-Type",
    "x-request-id",
    "X-Team",
    "x-isartor-layer",
)
FIELDS = st.lists(
    st.tuples(
        st.sampled_from([written for name in NAMES for written in (name.encode(), name.lower().encode())]),
        st.sampled_from((b"use", b"no-cache", b"No-Store, max-age=0", b"no-", b"cache", b"\xe4")),
    ),
    max_size=8,
)


def test_values_of_one_name_all_count() -> None:
    """A repeated query parameter is not the same as its last value alone, nor in another order."""
    asked = ("include=a&include=b", "include=b&include=a", "include=b", "include=")
    assert len(asked) == len({query_of(each)["include"] for each in asked})
    assert {} == query_of("")


def test_the_query_as_it_came() -> None:
    """What is sent on is what came: repeated names, their order, and how they were escaped."""
    flow = tflow.tflow()
    flow.request.path = "/v1/responses?include=a&include=b%20c&x"
    request = request_of(flow)
    assert ("/v1/responses", "include=a&include=b%20c&x") == (request.path, request.query_string)


def test_several_fields_of_one_name() -> None:
    """Fields of one name are a list, cookies a string of pairs: HTTP/2 lets clients split it."""
    fields = [(b"Cookie", b"a=1"), (b"accept", b"x"), (b"cookie", b"b=2"), (b"Accept", b"y")]
    request = http.Request.make("POST", "http://h/", headers=fields)
    found = headers_of(request)
    assert ("a=1; b=2", "x, y") == (found["cookie"], found["accept"])


@given(FIELDS)
def test_what_is_said_to_us_is_taken_off_as_mitmproxy_would(fields: list[tuple[bytes, bytes]]) -> None:
    """Whatever there is, however it is written and how often: the same is left as after asking mitmproxy's headers."""
    request, other = (tutils.treq(headers=http.Headers(fields)) for _ in range(2))
    strip_control(request, own=("X-Team",))
    for name in (*CONTROL_HEADERS, "x-team"):
        other.headers.pop(name, None)
    if any(word in other.headers.get("cache-control", "").lower() for word in ("no-cache", "no-store")):
        del other.headers["cache-control"]
    assert other.headers.fields == request.headers.fields


@given(FIELDS)
def test_what_is_told_is_in_the_headers_once(fields: list[tuple[bytes, bytes]]) -> None:
    """Headers of ours replace any of these names; all others stay as they are."""
    response = tutils.tresp(headers=http.Headers(fields))
    tell(response, {"x-isartor-layer": "l3", "x-isartor-key": "0f"})
    others = [field for field in fields if field[0].lower() != b"x-isartor-layer"]
    assert (*others, (b"x-isartor-layer", b"l3"), (b"x-isartor-key", b"0f")) == response.headers.fields


@given(FIELDS)
def test_what_is_kept_of_a_response(fields: list[tuple[bytes, bytes]]) -> None:
    """Of all headers those that are replayed, as they are read for everything else."""
    response = tutils.tresp(headers=http.Headers(fields))
    kept = {name: headers_of(response).get(name) for name in ("content-type", "x-request-id")}
    found = dict(kept_headers(response, ("x-request-id",)))
    assert {name: value for name, value in kept.items() if value is not None} == found
