"""What checks say about the next hit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.layers.ports import Check
from isartor_addon.layers.semantic.evidence import caution, common_risk, risk, upper_bound, withdrawn

ACCEPTED = 0.01
KEYS = ("a", "b")
SIMILARITIES = st.floats(0.8, 1.0)
CHECKS = st.lists(st.builds(Check, st.sampled_from(KEYS), SIMILARITIES, st.booleans(), st.just(0.0)), max_size=12)
RATES = st.sampled_from([0.001, 0.01, 0.05, 0.2])


def right(similarity: float, key: str = "a") -> Check:
    return Check(key, similarity, True, 0.0)


def wrong(similarity: float, key: str = "a", time: float = 0.0) -> Check:
    return Check(key, similarity, False, time)


@given(SIMILARITIES, RATES)
def test_without_evidence_the_rules_decide(similarity: float, accepted: float) -> None:
    """No check: what the rules let through is let through."""
    assert 0.0 == caution("a", [], similarity, accepted=accepted)


@given(SIMILARITIES, st.integers(1, 100))
def test_nothing_wrong_is_nothing_feared(similarity: float, count: int) -> None:
    """Checks that all went well leave it so."""
    assert 0.0 == caution("a", [right(0.93)] * count, similarity, accepted=ACCEPTED)


@given(CHECKS, SIMILARITIES, SIMILARITIES, RATES)
def test_more_similar_is_never_riskier(checks: list[Check], one: float, other: float, accepted: float) -> None:
    """At any state of evidence."""
    low, high = sorted((one, other))
    assert caution("a", checks, high, accepted=accepted) <= caution("a", checks, low, accepted=accepted) + 1e-9


@given(CHECKS, SIMILARITIES, SIMILARITIES, st.sampled_from(KEYS), RATES)
def test_a_check_counts_in_its_own_direction(
    checks: list[Check], similarity: float, checked: float, key: str, accepted: float
) -> None:
    """One that went wrong never makes the layer bolder, one that went well never more cautious; also a neighbour's."""
    before = caution("a", checks, similarity, accepted=accepted)
    assert caution("a", [*checks, wrong(checked, key)], similarity, accepted=accepted) >= before - 1e-9
    assert caution("a", [*checks, right(checked, key)], similarity, accepted=accepted) <= before + 1e-9


@given(CHECKS, SIMILARITIES, RATES)
def test_the_accepted_rate_holds(checks: list[Check], similarity: float, accepted: float) -> None:
    """So many hits go to the provider that of all together no more are wrong than accepted."""
    served = 1 - caution("a", checks, similarity, accepted=accepted)
    own = [check for check in checks if check.key == "a"]
    feared = max(risk(own, similarity, accepted=accepted), common_risk(checks, accepted=accepted))
    assert served * feared <= accepted + 1e-9


def test_one_disagreement_is_dear_and_many_agreements_make_up_for_it() -> None:
    """After one wrong hit nearly all go to the provider; where enough have gone well above it, they no longer do."""
    assert caution("a", [wrong(0.93)], 0.93, accepted=ACCEPTED) > 0.9
    made_up = [wrong(0.93), *[right(0.95)] * 20]
    assert caution("a", made_up, 0.96, accepted=ACCEPTED) < 0.3
    assert 0.0 == caution("a", [*made_up, *[right(0.95)] * 40], 0.96, accepted=ACCEPTED)


def test_each_answer_has_a_boundary_of_its_own() -> None:
    """What went wrong at 0.93 and well at 0.97 is cautious below, and less so above."""
    checks = [wrong(0.93), *[right(0.97)] * 8]
    low, high = (caution("a", checks, similarity, accepted=ACCEPTED) for similarity in (0.92, 0.98))
    assert low > high + 0.2


def test_neighbours_are_trusted_less() -> None:
    """A wrong hit of one answer makes the layer careful with the others in its scope, and in no other way."""
    assert 0.2 < caution("a", [wrong(0.93, "b")], 0.93, accepted=ACCEPTED) < 0.6


def test_a_scope_that_goes_wrong_too_often_is_checked_accordingly() -> None:
    """5 of 100 wrong where 1 is accepted: more than half go to the provider."""
    checks = [wrong(0.93, "b")] * 5 + [right(0.95, "b")] * 95
    assert caution("a", checks, 0.99, accepted=ACCEPTED) > 0.5


@pytest.mark.parametrize(("accepted", "expected"), [(0.0, 1.0), (1.0, 0.0)])
def test_all_or_nothing(accepted: float, expected: float) -> None:
    """Who accepts no wrong hit is given none at all; who accepts any is given all."""
    assert expected == caution("a", [wrong(0.93)] if accepted else [], 0.99, accepted=accepted)


def test_withdrawn_until_it_is_learned_anew() -> None:
    """An answer once found wrong is out, by its key; what is stored there later is not."""
    checks = [wrong(0.95, "a", time=10.0), right(0.95, "b")]
    assert withdrawn("a", 9.0, checks)
    assert not withdrawn("a", 11.0, checks)
    assert not withdrawn("b", 9.0, checks)


@pytest.mark.parametrize(
    ("failures", "count", "expected"), [(0, 0, 1.0), (0, 1, 0.95), (0, 299, 0.00997), (2, 400, 0.01566), (3, 3, 1.0)]
)
def test_the_bound_is_clopper_and_pearson_s(failures: int, count: int, expected: float) -> None:
    """From one side, at 95 %; values from tables."""
    assert expected == pytest.approx(upper_bound(failures, count), abs=2e-5)
