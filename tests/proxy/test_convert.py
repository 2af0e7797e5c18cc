"""Flows as the house's values."""

from __future__ import annotations

from mitmproxy import http
from mitmproxy.test import tflow

from isartor_addon.proxy.convert import headers_of, query_of, request_of


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
