"""Fear: the order that somebody wrote changes without need, or flaps, or a provider that is well again stays last."""

from __future__ import annotations

from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.layers.cloud import order
from isartor_addon.layers.cloud.failures import Failure
from isartor_addon.layers.cloud.order import FEW, GOOD, SETTLED, SLOWER, TRIED_AGAIN_S, Fare, arranged
from isartor_addon.layers.cloud.plan import Plan
from tests.layers.cloud.scripted import BEGUN, Act, Drive, plan, script, state, status

type Event = float | None
"""An answer after so many seconds, or a failure."""

EVENTS = st.lists(st.one_of(st.none(), st.floats(0.01, 30)), max_size=120)


def after(*events: Event, since: Fare | None = None, now: float = 0.0) -> Fare:
    """How a target fares to which this has happened."""

    def step(fare: Fare, event: Event) -> Fare:
        return fare.failed(now) if event is None else fare.answered(event, now)

    return reduce(step, events, since or Fare())


WELL, FAILING = after(*[1.0] * 30), after(*[1.0, None, None] * 10)
SLOW = after(*[1.0] * 30, *[9.0] * 3)


@given(st.lists(EVENTS.map(lambda events: after(*events)), max_size=6), st.floats(0, 100))
def test_the_written_order_stays_but_for_those_behind(fares: list[Fare], now: float) -> None:
    """Everybody is asked once; the well keep their order among themselves, those behind too, and come after them; one
    at most is tried in its place.
    """
    numbers, tried = arranged(fares, now)
    assert sorted(numbers) == list(range(len(fares)))
    assert tried is None or fares[tried].why
    well = [number for number in numbers if not fares[number].why]
    assert well == sorted(well)
    for place, number in enumerate(numbers):
        assert fares[number].why or number >= max(numbers[: place + 1]) or number == tried
    assert (numbers, tried) == arranged(fares, now)


@given(st.lists(EVENTS.map(lambda events: after(*events)), min_size=1, max_size=6))
def test_one_who_is_well_is_never_put_behind(fares: list[Fare]) -> None:
    """Whatever the others do: a first target that does well stays the first."""
    assert 0 == arranged([WELL, *fares], 0.0)[0][0]


@settings(deadline=None)
@given(EVENTS)
def test_it_does_not_flap(events: list[Event]) -> None:
    """Who is put behind comes back with the third good attempt in a row at the earliest, and who came back is put
    behind again after several bad ones at the earliest.
    """
    fare, good, bad = Fare(), 0, FEW
    for event in events:
        before, fare = fare, after(event, since=fare)
        good = good + 1 if event is not None else 0
        bad += event is None or (before.times > 0 and event > before.usual_s * SLOWER / 2)
        if before.why and not fare.why:
            assert good >= GOOD
            bad = 0
        if fare.why and not before.why:
            assert bad >= 3


@given(st.lists(st.floats(0.5, 1.5), min_size=1, max_size=200))
def test_what_varies_as_usual_is_never_slow(times: list[float]) -> None:
    """Neither does it fail."""
    assert "" == after(*times).why


@given(st.floats(0.01, 60), st.integers(1, 200))
def test_a_model_that_is_always_slow_keeps_its_place(each_s: float, times: int) -> None:
    """However fast the next one is: that is what the order's author knew."""
    fare = after(*[each_s] * times)
    assert ([0, 1], None) == arranged([fare, WELL], 0.0)


def test_every_other_failure_puts_behind_and_single_ones_do_not() -> None:
    """Two of three do after some attempts, one of four never does; a few attempts say nothing."""
    assert "failing" == FAILING.why
    assert "" == after(*[1.0, 1.0, 1.0, None] * 50).why
    assert "" == after(*[None] * (FEW - 1)).why
    assert ([1, 0], None) == arranged([FAILING, WELL], 0.0)
    assert [0, 1] == arranged([WELL, FAILING], 0.0)[0]
    assert [0, 1] == arranged([FAILING, FAILING], 0.0)[0]


def test_slowness_is_measured_by_what_is_usual_on_both_sides() -> None:
    """Three answers in a row that take many times as long: it comes after a next one that is usually faster."""
    assert ("", "slow") == (after(*[1.0] * 30, 60.0).why, SLOW.why)
    assert "" == after(*[1.0] * (SETTLED - 5), *[9.0] * 3).why
    assert [1, 0] == arranged([SLOW, WELL], 0.0)[0]
    assert [0, 1] == arranged([SLOW, after(*[5.0] * 30)], 0.0)[0]
    assert [0, 1] == arranged([SLOW, Fare()], 0.0)[0]
    assert "" == after(*[0.01] * 30, *[0.5] * 9).why
    assert "slow" == after(*[1.0] * 30, *[4.0] * 9).why
    assert "" == after(0.1, *[2.0] * 30).why


def test_who_is_behind_is_tried_now_and_then_and_comes_back() -> None:
    """One request in half a minute finds it in its place; three good ones bring it back."""
    for fare in (FAILING, SLOW):
        assert None is arranged([fare, WELL], TRIED_AGAIN_S - 1)[1]
        for number in range(1, GOOD + 1):
            now = number * TRIED_AGAIN_S
            assert ([0, 1], 0) == arranged([fare, WELL], now)
            fare = fare.tried(now)
            assert ([1, 0], None) == arranged([fare, WELL], now)
            fare = fare.answered(1.0, now)
        assert ("", 0.0) == (fare.why, fare.error_rate)
    assert "slow" == after(1.0, 1.0, 9.0, 1.0, since=SLOW).why


def test_whole_answers_say_nothing_of_time() -> None:
    """They take as long as they are."""
    fare = reduce(lambda fare, _: fare.answered(None, 0.0), range(50), after(*[1.0] * 30))
    assert ("", 30) == (fare.why, fare.times)


def ailing(made: Plan) -> list[str]:
    """Who is asked at last by a chain whose first provider fails twice of three times, never five times in a row."""
    known = state()
    act = script(alpha=[*[BEGUN, status(500), status(500)] * 10, BEGUN], beta=[BEGUN])
    for _ in range(30):
        Drive().run(made, known, act)
    return Drive(now=1.0).run(made, known, act).asked


def test_a_chain_asks_the_failing_later_unless_it_shall_not() -> None:
    """By its share of failures, which no breaker sees; with `health_order = false` as written."""
    made = plan("alpha", "beta", retries=0)
    assert ["beta"] == ailing(made)
    assert ["alpha"] == ailing(Plan(made.targets, made.host, made.pace, by_health=False))


def test_a_chain_asks_the_slow_later() -> None:
    """By the time to the first words of streams; the same times of whole answers change nothing."""
    for streams, asked in ((True, ["beta"]), (False, ["alpha"])):
        known, made = state(), plan("alpha", "beta", retries=0)
        for _ in range(25):
            for name in ("alpha", "beta"):
                usual = script(**{name: [Act(BEGUN.result, 1.0)]})
                Drive(streams=streams).run(plan(name), known, usual)
        for _ in range(3):
            Drive(streams=streams).run(made, known, script(alpha=[Act(BEGUN.result, 60.0)]))
        assert asked == Drive(streams=streams, now=1.0).run(made, known, script(alpha=[BEGUN], beta=[BEGUN])).asked


def test_what_is_the_requests_fault_puts_nobody_behind() -> None:
    """Refused requests, limited keys and what was never asked say nothing of a provider."""
    known, made = state(), plan("alpha", "beta", retries=0)
    for act in (status(400), status(429), Act(Failure(0, "untranslatable")), Act(Failure(0, "quota"))):
        for _ in range(20):
            Drive().run(made, known, script(alpha=[act], beta=[BEGUN]))
    assert order.Fare() == known.health[("alpha", "m")].fare
