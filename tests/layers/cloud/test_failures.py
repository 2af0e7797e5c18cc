"""Failures: what a provider's words mean."""

from __future__ import annotations

import json
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.layers.cloud.failures import Failure, failure_of, retry_after

NOW = 1_800_000_000.0


def failure(status: int, body: object = None, **headers: str) -> Failure:
    """What an error reply comes to."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return failure_of(status, names, content, unix_time=NOW)


@pytest.mark.parametrize(
    ("status", "body", "means"),
    [
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, 529),
        (200, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, 529),
        (200, {"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}, 429),
        (503, {"error": {"code": 503, "message": "later", "status": "UNAVAILABLE"}}, 503),
        (200, [{"error": {"code": 503, "message": "later", "status": "UNAVAILABLE"}}], 503),
        (200, {"error": {"message": "no", "type": "invalid_request_error", "code": None}}, 400),
        (200, {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "x"}}}, 500),
        (200, {"error": {"message": "?", "type": "never_heard_of"}}, 500),
        (429, {"error": {"message": "pay", "type": "insufficient_quota", "code": "insufficient_quota"}}, 402),
        (429, {"error": {"message": "slow", "type": "requests", "code": "rate_limit_exceeded"}}, 429),
        (500, {"error": "text"}, 500),
        (404, b"<html>not here</html>", 404),
        (502, b"", 502),
        (502, b"[" * 100_000, 502),
        (500, b"null", 500),
        (500, {"error": {"message": {"a": 1}, "type": 5}}, 500),
    ],
)
def test_the_status_says_what_the_body_says(status: int, body: object, means: int) -> None:
    """An error event in a stream means what its name says; an empty account is not a busy one."""
    assert (means, "status") == (failure(status, body).status, failure(status, body).kind)


def test_the_wait_is_read_wherever_it_stands() -> None:
    """Seconds, a date, milliseconds, or Google's delay; what nobody can read asks for nothing."""
    assert 7.0 == failure(429, retry_after="7").retry_after_s
    assert 30.0 == failure(429, retry_after=formatdate(NOW + 30, usegmt=True)).retry_after_s
    assert 0.0 == failure(429, retry_after=formatdate(NOW - 30, usegmt=True)).retry_after_s
    assert 1.5 == failure(429, retry_after="9", retry_after_ms="1500").retry_after_s
    google = {"error": {"status": "RESOURCE_EXHAUSTED", "details": [{"@type": "x"}, {"retryDelay": "34.5s"}]}}
    assert 34.5 == failure(429, google).retry_after_s
    assert failure(429, {"error": {"details": [{"retryDelay": "soon"}, 5]}}, retry_after="soon").retry_after_s is None


@given(st.text(max_size=60))
def test_any_text_is_a_wait_or_none(text: str) -> None:
    """Whatever stands in `Retry-After`: a number of seconds that is not negative, or nothing."""
    wait_s = retry_after({"retry-after": text}, unix_time=NOW)
    assert wait_s is None or wait_s >= 0


@given(st.integers(200, 599), st.binary(max_size=80))
def test_any_body_is_a_failure(status: int, body: bytes) -> None:
    """Whatever a provider answers, it is read without a fault, and an error has an error's status."""
    assert failure(status, body).status >= 400


def test_details_hold_no_credentials() -> None:
    """A provider that quotes the key it refuses does not put it into our logs."""
    said = failure(401, {"error": {"message": "Incorrect API key provided: sk-proj-abcdef1234567890.\n See docs."}})
    assert "Incorrect API key provided: [removed]. See docs." == said.detail
    assert 300 >= len(failure(500, {"error": {"message": "x" * 5000}}).detail)
