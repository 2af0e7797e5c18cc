"""The chain: who is asked, when, how often, and when it ends."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.layers.cloud.chain import Attempt, Begun, Descent
from isartor_addon.layers.cloud.failures import Failure, Kind
from isartor_addon.layers.cloud.health import State
from isartor_addon.layers.cloud.keys import CLIENT, Key, Pool
from isartor_addon.layers.cloud.plan import Plan
from tests.layers.cloud.scripted import BEGUN, REFUSED, Act, Drive, plan, script, state, status

NAMES = ("client", "alpha", "beta", "gamma")


def test_the_first_that_begins_ends_it() -> None:
    """The next target is asked only when the one before has failed, and nobody after a first delta."""
    drive = Drive().run(plan("client", "alpha", "beta"), state(), script(client=[status(402)], alpha=[BEGUN]))
    assert ["client", "alpha"] == drive.asked
    assert "alpha/m" == drive.begun.target.name if drive.begun else False
    assert [402] == [failure.status for failure in drive.failures]


@pytest.mark.parametrize("act", [REFUSED, status(408), status(429), status(500), status(529), Act(Failure(0, "cut"))])
def test_what_may_pass_is_tried_again_and_then_left(act: Act) -> None:
    """A connection refused, 408, 429, 5xx and overload are asked again twice after growing pauses, then the next."""
    drive = Drive().run(plan("client", "alpha"), state(), script(client=[act], alpha=[BEGUN]))
    assert ["client"] * 3 + ["alpha"] == drive.asked
    assert all(pause < 0.5 * 2**number for number, pause in enumerate(drive.pauses))


@pytest.mark.parametrize("act", [Act(BEGUN.result, 1e9), Act(Failure(200, "garbled")), Act(Failure(0, "quota"))])
def test_what_may_have_been_billed_is_not_tried_again(act: Act) -> None:
    """Whoever did not answer in time, or answered rubbish, is not asked twice."""
    drive = Drive().run(plan("alpha", "beta"), state(), script(alpha=[act], beta=[BEGUN]))
    assert ["alpha", "beta"] == drive.asked


@pytest.mark.parametrize("code", [400, 401, 403, 404, 413, 422])
def test_the_clients_own_mistake_goes_back_at_once(code: int) -> None:
    """A 4xx of the client's own provider ends the chain: its own error is what it hears."""
    drive = Drive().run(plan("client", "alpha"), state(), script(client=[status(code)], alpha=[BEGUN]))
    assert (["client"], [code]) == (drive.asked, [failure.status for failure in drive.failures])


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 422])
def test_what_fails_by_our_choice_goes_on(code: int) -> None:
    """The same statuses from a provider that we chose, with our key, lead to the next one without another try."""
    drive = Drive().run(plan("alpha", "beta"), state(alpha=1, beta=1), script(alpha=[status(code)], beta=[BEGUN]))
    assert ["alpha", "beta"] == drive.asked


def test_retry_after_is_obeyed_within_patience() -> None:
    """A short `Retry-After` is waited for, a longer one is not while another provider is left."""
    short = Drive().run(
        plan("client", "alpha"), state(), script(client=[status(429, retry_after_s=3.0), BEGUN], alpha=[BEGUN])
    )
    assert (["client", "client"], True) == (short.asked, 3.0 <= short.pauses[0] < 3.5)
    long = Drive().run(
        plan("client", "alpha"), state(), script(client=[status(429, retry_after_s=30.0), BEGUN], alpha=[BEGUN])
    )
    assert (["client", "alpha"], []) == (long.asked, long.pauses)


def test_the_last_one_is_waited_for_until_the_deadline() -> None:
    """Where nobody else is left, `Retry-After` is obeyed as long as the deadline allows, and no longer."""
    for wait_s, asked in ((40.0, 2), (70.0, 1)):
        script_ = script(client=[status(503, retry_after_s=wait_s), BEGUN])
        assert asked == len(Drive().run(plan("client", deadline_s=60.0), state(), script_).asked)


def test_keys_are_changed_before_providers() -> None:
    """A key that is refused or limited gives way to the pool's next at once; the next provider comes after all keys."""
    codes = [401, 429, 403]
    drive = Drive().run(plan("alpha", "beta"), state(alpha=3, beta=1), script(alpha=map(status, codes), beta=[BEGUN]))
    assert ["env:alpha0", "env:alpha1", "env:alpha2"] == [each.key.name for each in drive.attempts[:3] if each.key]
    assert [codes, ["env:alpha0", "env:alpha1", "env:alpha2"]] == [
        [failure.status for failure in drive.failures][:3],
        [failure.key for failure in drive.failures][:3],
    ]


def test_where_the_clients_key_may_not_go_the_next_of_the_pool_does() -> None:
    """A pool of the client's key and one of ours: a client of another provider is served with ours."""
    known = State({"alpha": Pool((Key(CLIENT, ""), Key("env:OURS", "sk-ours")), "priority")})
    withheld = Act(Failure(0, "withheld"))
    drive = Drive().run(plan("alpha", "beta"), known, script(alpha=[withheld, BEGUN], beta=[BEGUN]))
    assert [CLIENT, "env:OURS"] == [each.key.name for each in drive.attempts if each.key]
    assert drive.begun is drive.attempts[-1]


def test_a_provider_without_a_usable_key_is_not_asked() -> None:
    """A refused key is not shown again for ten minutes; its provider counts as failed."""
    known = state(alpha=1)
    act = script(alpha=[status(401), BEGUN], beta=[BEGUN])
    Drive().run(plan("alpha", "beta"), known, act)
    again = Drive(now=500.0).run(plan("alpha", "beta"), known, act)
    assert (["beta"], ["no_key"]) == (again.asked, [failure.kind for failure in again.failures])
    assert ["alpha"] == Drive(now=601.0).run(plan("alpha", "beta"), known, act).asked


def test_an_ill_provider_is_asked_last() -> None:
    """After five failures in a row a provider is left for last, and asked all the same when all others fail."""
    known = state()
    ill = script(client=[status(500)], alpha=[BEGUN])
    for _ in range(2):
        Drive().run(plan("client", "alpha"), known, ill)
    assert ["alpha"] == Drive(now=1.0).run(plan("client", "alpha"), known, ill).asked
    last = Drive(now=1.0).run(plan("client", "alpha"), known, script(client=[BEGUN], alpha=[status(400)]))
    assert ["alpha", "client"] == last.asked


def test_one_request_tries_out_an_ill_provider() -> None:
    """When its time is over, one request is its trial; others go elsewhere until that has ended, or its client left."""
    known = state()
    for _ in range(2):
        Drive().run(plan("client"), known, script(client=[status(500)]))
    trial = Descent(plan("client", "alpha"), known, now=lambda: 31.0, random=lambda: 0.0).walk()
    first = next(trial)
    assert isinstance(first, Attempt) and first.target.provider is None
    assert ["alpha"] == Drive(now=31.0).run(plan("client", "alpha"), known, script(alpha=[BEGUN])).asked
    trial.close()
    assert ["client"] == Drive(now=31.0).run(plan("client", "alpha"), known, script(client=[BEGUN])).asked


def test_a_slow_provider_leaves_time_for_the_next() -> None:
    """One that never answers uses up only its own part of the deadline."""
    never = Act(Begun(), 1e9)
    drive = Drive().run(
        plan("alpha", "beta", "gamma", deadline_s=30.0, attempt_s=100.0),
        state(),
        script(alpha=[never], beta=[never], gamma=[Act(Begun(), 9.0)]),
    )
    assert (["alpha", "beta", "gamma"], True) == (drive.asked, drive.begun is not None)


def test_a_whole_answer_may_take_its_time() -> None:
    """An answer that is not streamed shows nothing until its end: its attempt has all the time that is its target's."""
    slow = script(alpha=[Act(Begun(), 500.0)], beta=[BEGUN])
    asked = [Drive(streams=streams).run(plan("alpha", "beta"), state(), slow).asked for streams in (True, False)]
    assert [["alpha", "beta"], ["alpha"]] == asked


KINDS: tuple[Kind, ...] = ("connect", "timeout", "garbled", "cut", "untranslatable", "quota")
FAILURES = st.one_of(
    st.builds(Failure, st.just(0), st.sampled_from(KINDS)),
    st.builds(
        Failure,
        st.sampled_from((400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529)),
        st.just("status"),
        st.none() | st.floats(0, 400),
    ),
)
ACTS = st.builds(Act, st.one_of(FAILURES, FAILURES, st.just(Begun())), st.sampled_from((0.01, 1.0, 20.0, 1e9)))
PLANS = st.builds(
    lambda names, deadline_s, attempt_s, retries: plan(
        *names, deadline_s=deadline_s, attempt_s=attempt_s, retries=retries
    ),
    st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
    st.sampled_from((1.0, 30.0, 300.0)),
    st.sampled_from((0.5, 60.0)),
    st.integers(0, 3),
)
KEYS = st.fixed_dictionaries({}, optional={name: st.integers(1, 3) for name in NAMES[1:]})


@given(PLANS, KEYS, st.lists(ACTS, min_size=1, max_size=40), st.integers(0, 9), st.integers(1, 3))
def test_any_script_comes_to_a_good_end(
    plan: Plan, keys: dict[str, int], acts: list[Act], seed: int, requests: int
) -> None:
    """
    Whatever fails however: the chain ends, in time; it asks nobody after a first delta and nobody twice who must not
    be; it asks each target in turn and in bounds; every failure is told, with its target.
    """
    known = state(**keys)
    drive = Drive()
    for request in range(requests):
        drive = Drive(now=drive.now, streams=seed % 2 == 0)
        began = drive.now
        turn = iter(range(10**6))
        drive.run(plan, known, lambda _, turn=turn: acts[next(turn) % len(acts)], Random(seed + request))  # type: ignore[misc]

        assert drive.now <= began + plan.deadline_s + 1e-6
        assert all(each.timeout_s > 0 for each in drive.attempts)
        for each in plan.targets:
            count = drive.asked.count(each.name.partition("/")[0])
            assert count <= (plan.pace.retries + 1) * max(1, keys.get(each.name.partition("/")[0], 1))
        turns = [name for at, name in enumerate(drive.asked) if at == 0 or drive.asked[at - 1] != name]
        assert len(turns) == len(set(turns))
        _nobody_is_asked_again_who_must_not_be(drive)
        told = [(failure.target.name, failure.kind) for failure in drive.failures if failure.target is not None]
        assert len(told) == len(drive.failures)
        if drive.begun is None and not _ended_by_the_client(drive):
            assert {each.name for each in plan.targets} == {name for name, _ in told}


def _nobody_is_asked_again_who_must_not_be(drive: Drive) -> None:
    tried = [failure for failure in drive.failures if failure.kind != "no_key"]
    for at, failure in enumerate(tried):
        following = drive.attempts[at + 1] if at + 1 < len(drive.attempts) else None
        if following is None or following.target != failure.target or failure.retryable:
            continue
        assert failure.concerns_key and following.key is not None


def _ended_by_the_client(drive: Drive) -> bool:
    last = drive.failures[-1]
    return last.target is not None and last.target.provider is None and last.clients_own_making


@given(PLANS, st.lists(st.lists(FAILURES, min_size=1, max_size=4), min_size=4, max_size=4), st.integers(0, 3))
def test_whoever_would_answer_is_reached(plan: Plan, failing: list[list[Failure]], healthy: int) -> None:
    """A target that answers within its share of the deadline is reached, whatever those before it do."""
    names = [each.name.partition("/")[0] for each in plan.targets]
    well = names[healthy % len(names)]
    acts = {name: [Act(failure, 5.0) for failure in failing[number]] for number, name in enumerate(names)}
    acts[well] = [Act(Begun(), min(10.0, plan.deadline_s / len(names), plan.pace.attempt_s) * 0.9)]
    drive = Drive().run(plan, state(), script(**acts))
    assert drive.begun is not None or _ended_by_the_client(drive)
