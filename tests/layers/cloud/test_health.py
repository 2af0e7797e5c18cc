"""Breakers, and what is known of providers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.layers.cloud import breaker
from isartor_addon.layers.cloud.breaker import Breaker
from isartor_addon.layers.cloud.failures import Failure
from isartor_addon.layers.cloud.health import MOST
from tests.layers.cloud.scripted import BEGUN, REFUSED, Act, Drive, plan, script, state, status, target


def opened(now: float = 0.0) -> Breaker:
    """A breaker that has just opened."""
    made = Breaker()
    for _ in range(breaker.FAILURES):
        made.failed(now)
    return made


def test_a_breaker_opens_and_is_tried_out() -> None:
    """Five failures in a row open it; it lets one trial through after half a minute, and closes if it succeeds."""
    made = Breaker()
    for _ in range(breaker.FAILURES - 1):
        made.failed(0.0)
    assert "closed" == made.state(0.0)
    made.succeeded()
    made = opened()
    assert ("open", False, 30.0) == (made.state(29.9), made.admits(29.9), made.opens_in(0.0))
    assert ("half-open", True) == (made.state(30.0), made.admits(30.0))
    assert (True, False) == (made.enter(30.0), made.admits(30.0))
    made.succeeded()
    made.leave()
    assert ("closed", True) == (made.state(30.0), made.admits(30.0))


def test_a_failed_trial_waits_longer() -> None:
    """Each trial that fails doubles the wait, up to five minutes; a provider that asks for more gets it within that."""
    made, now, waits = opened(), 0.0, []
    for _ in range(6):
        now += made.opens_in(now)
        made.failed(now)
        waits.append(made.opens_in(now))
    assert [60, 120, 240, 300, 300, 300] == waits
    asked = Breaker()
    for _ in range(breaker.FAILURES):
        asked.failed(0.0, at_least_s=100.0)
    assert 100.0 == asked.opens_in(0.0)


@given(st.lists(st.tuples(st.sampled_from(("fail", "succeed", "enter", "leave")), st.floats(0, 100)), max_size=60))
def test_a_breaker_always_comes_round(events: list[tuple[str, float]]) -> None:
    """Whatever happens to it, after its longest wait and with no trial under way it lets a request through."""
    made, now = Breaker(), 0.0
    for event, later in events:
        now += later
        if event == "fail":
            made.failed(now)
        elif event == "succeed":
            made.succeeded()
        elif event == "enter":
            made.enter(now)
        else:
            made.leave()
        assert made.admits(now) or made.state(now) != "closed"
    made.leave()
    assert made.admits(now + breaker.LONGEST_S)


def test_what_the_client_did_wrong_says_nothing_of_health() -> None:
    """A 400 or a 429 shows that a provider is there; connection errors and 5xx that it is not."""
    known = state()
    for _ in range(9):
        Drive().run(plan("client"), known, script(client=[status(400)]))
    assert "closed" == known.of(plan("client"), target("client")).breaker.state(0.0)
    for _ in range(2):
        Drive().run(plan("client"), known, script(client=[REFUSED]))
    assert "open" == known.of(plan("client"), target("client")).breaker.state(1.0)


def test_what_was_never_asked_is_not_counted() -> None:
    """A request that a provider cannot be asked, by its form or by a quota of ours, tells nothing of the provider."""
    known = state()
    for kind in ("untranslatable", "quota"):
        Drive().run(plan("alpha"), known, script(alpha=[Act(Failure(0, kind))]))  # type: ignore[arg-type]
    assert (0, 0) == (known.of(plan("alpha"), target("alpha")).failures, known.health[("alpha", "m")].successes)


def test_latency_is_a_mean_that_forgets() -> None:
    """The mean moves by a fifth of the difference with each answer."""
    known = state()
    for takes_s in (1.0, 2.0):
        Drive().run(plan("alpha"), known, script(alpha=[Act(BEGUN.result, takes_s)]))
    latency_s = known.health[("alpha", "m")].latency_s
    assert latency_s is not None and abs(latency_s - 1.2) < 1e-9


def test_models_that_clients_make_up_do_not_pile_up() -> None:
    """Only so many pairs of provider and model are remembered, those that were asked last."""
    known = state()
    for number in range(MOST + 5):
        known.of(plan("alpha"), target("alpha", f"m{number}"))
    assert MOST == len(known.health)
    assert ("alpha", f"m{MOST + 4}") in known.health
