"""Pools of keys: who is next, and who rests."""

from __future__ import annotations

import pytest

from isartor_addon.layers.cloud.failures import Failure
from isartor_addon.layers.cloud.keys import CLIENT, Key, Pool, Strategy

A, B, C = (Key(f"env:{name}", f"sk-{name}-0123456789abcdef") for name in "ABC")


def status(code: int, retry_after_s: float | None = None) -> Failure:
    """An error reply."""
    return Failure(code, "status", retry_after_s)


def taken(pool: Pool, *times: float) -> list[str]:
    """The names of the keys taken at these times."""
    return [key.name if (key := pool.take(now)) else "" for now in times]


@pytest.mark.parametrize(
    ("strategy", "names"),
    [("round_robin", ["env:A", "env:B", "env:C", "env:A"]), ("priority", ["env:A"] * 4)],
)
def test_strategies(strategy: Strategy, names: list[str]) -> None:
    """Keys take turns, or the first that can be used is used."""
    assert names == taken(Pool((A, B, C), strategy), 0, 0, 0, 0)


def test_a_limited_key_rests_as_long_as_it_is_told() -> None:
    """After a 429 a key rests for `Retry-After`; the others go on, and afterwards it takes its turn again."""
    pool = Pool((A, B), "priority")
    pool.failed(A, status(429, 20.0), 100.0)
    assert ["env:B", "env:B", "env:A"] == taken(pool, 100.0, 119.9, 120.0)
    assert "resting" == pool.held[0].standing(119.9)


def test_a_limited_key_rests_longer_each_time() -> None:
    """Without `Retry-After` the rest doubles from a second to a minute, and a success ends that."""
    pool = Pool((A,))
    rests, now = [], 0.0
    for _ in range(8):
        for _ in range(3):  # of several requests at once each is refused, and that is one refusal
            pool.failed(A, status(429), now)
        rests.append(pool.ready_in(now))
        now += rests[-1] or 0.0
    assert [1, 2, 4, 8, 16, 32, 60, 60] == rests
    pool.succeeded(A)
    pool.failed(A, status(429), now)
    assert 1 == pool.ready_in(now)


def test_refused_keys_are_set_aside() -> None:
    """A 401 sets a key aside, so do two 403s without a success between; an empty account rests."""
    pool = Pool((A, B, C), "priority")
    pool.failed(A, status(401), 0.0)
    pool.failed(B, status(403), 0.0)
    assert ["refused", "ready"] == [held.standing(0.0) for held in pool.held[:2]]
    pool.succeeded(B)
    pool.failed(B, status(403), 0.0)
    assert "ready" == pool.held[1].standing(0.0)
    pool.failed(B, status(403), 0.0)
    pool.failed(C, status(402), 0.0)
    assert ["refused", "refused", "resting"] == [held.standing(1.0) for held in pool.held]
    assert ["", "env:A"] == taken(pool, 599.0, 600.0)


@pytest.mark.parametrize(
    "failure", [status(400), status(404), status(500), Failure(0, "connect"), Failure(0, "timeout")]
)
def test_what_is_not_the_keys_fault_leaves_it(failure: Failure) -> None:
    """Errors of the request or the provider do not take a key out of use."""
    pool = Pool((A,))
    pool.failed(A, failure, 0.0)
    assert "ready" == pool.held[0].standing(0.0)


def test_the_clients_key_is_nobodys_to_judge() -> None:
    """One client's refused credential says nothing about the next client's."""
    pool = Pool((Key(CLIENT, ""),))
    pool.failed(pool.held[0].key, status(401), 0.0)
    assert "ready" == pool.held[0].standing(0.0)


def test_keys_do_not_show_themselves() -> None:
    """A key's text shows its name; masked, a long one shows its last four characters and a short one nothing."""
    assert "0123456789" not in repr(A) + str(A)
    assert ("...cdef", "...", "") == (A.masked, Key("env:A", "short").masked, Key(CLIENT, "").masked)
