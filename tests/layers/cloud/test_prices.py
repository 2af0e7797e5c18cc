"""Prices: what an answer took, to the last picodollar, and which models have one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.core.errors import ConfigError
from isartor_addon.core.reply import Usage
from isartor_addon.layers.cloud.price_list import DATE, SOURCES, rows, tiers
from isartor_addon.layers.cloud.prices import PICO, Price, Prices, Row, Tier, per_token, plain, price

LIST = Prices(rows())
COUNTS = st.integers(min_value=0, max_value=10**9)
AMOUNTS = st.decimals(min_value=0, max_value=1000, places=6)


def usd(provider: str, model: str, usage: Usage) -> Decimal | None:
    """What `usage` costs by the list, in dollars."""
    cost, _ = LIST.cost(provider, model, usage)
    return None if cost is None else Decimal(cost) / PICO


def test_every_kind_of_token_has_its_price() -> None:
    """Sonnet 4.5 as its provider bills it: read anew, from the cache, into it for five minutes and an hour, made."""
    usage = Usage(1_000_000, 100_000, cache_read=2_000_000, cache_write=300_000, cache_write_1h=200_000)
    expected = Decimal("3") + Decimal("0.6") + Decimal("0.375") + Decimal("1.2") + Decimal("1.5")
    assert expected == usd("api.anthropic.com", "claude-sonnet-4-5-20250929", usage)


def test_reasoning_is_paid_as_output_and_once() -> None:
    """`reasoning` is part of `output`: it adds nothing."""
    with_reasoning = usd("api.openai.com", "gpt-5", Usage(0, 1000, reasoning=900))
    assert usd("api.openai.com", "gpt-5", Usage(0, 1000)) == with_reasoning == Decimal("0.01")


@pytest.mark.parametrize(("prompt", "expected"), [(200_000, "0.25"), (200_001, "0.5000025")])
def test_long_prompts_cost_more_from_the_first_token_on(prompt: int, expected: str) -> None:
    """Gemini 2.5 Pro: above the bound all of the prompt has the higher price, cache reads count for the bound."""
    assert Decimal(expected) == usd("generativelanguage.googleapis.com", "gemini-2.5-pro", Usage(prompt, 0))
    assert (
        usd("x", "gemini-2.5-pro", Usage(1, 0, cache_read=prompt))
        == Decimal("0.0000025") + prompt * Decimal("0.25") / 1_000_000
    )


@pytest.mark.parametrize(
    ("provider", "model", "known"),
    [
        ("api.anthropic.com", "claude-opus-4-5-20251101", True),
        ("openrouter.ai", "anthropic/claude-opus-4.5", True),
        ("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", True),
        ("vertex", "claude-sonnet-4-5@20250929", True),
        ("api.openai.com", "gpt-4o-2024-08-06", True),
        ("api.openai.com", "GPT-4o-mini", True),
        ("api.openai.com", "gpt-5.4-mini", True),
        ("api.openai.com", "gpt-5.4-mega", False),
        ("api.groq.com", "llama-3.3-70b-versatile", True),
        ("127.0.0.1", "llama-3.3-70b-versatile", False),
        ("ollama.test", "llama3", False),
        ("api.openai.com", "", False),
    ],
)
def test_models_are_known_by_their_names(provider: str, model: str, known: bool) -> None:
    """Dates, makers and clouds around a name do not matter; a name that is not listed has no price, not that of the
    nearest one; open weights have the price of whoever serves them.
    """
    assert known == (LIST.of(provider, model) is not None)


def test_a_mini_is_not_priced_as_its_big_sister() -> None:
    """The pattern of one model never catches another's longer name."""
    one = Usage(100_000, 0)
    assert (Decimal("0.015"), Decimal("0.25")) == (usd("x", "gpt-4o-mini", one), usd("x", "gpt-4o", one))
    assert (Decimal("0.01"), Decimal("0.2")) == (usd("x", "gpt-6-luna", one), usd("x", "gpt-6-sol", one))


def test_what_is_not_known_is_not_free() -> None:
    """No usage, nothing counted, no price: None. Nothing used: 0, whatever the model."""
    for provider, model, usage in (("x", "gpt-4o", None), ("x", "gpt-4o", Usage()), ("x", "who", Usage(1, 1))):
        assert (None, False) == LIST.cost(provider, model, usage)
    assert (0, False) == LIST.cost("x", "who", Usage(0, 0))


@pytest.mark.parametrize(
    ("provider", "model", "tier", "expected", "estimated"),
    [
        ("api.openai.com", "gpt-5", "", "1.25", False),
        ("api.openai.com", "gpt-5", "flex", "0.625", False),
        ("openai", "gpt-5", "flex", "0.625", False),
        ("acme.openai.azure.com", "gpt-5", "flex", "0.625", False),
        ("api.openai.com", "gpt-5", "priority", "1.25", True),
        ("openrouter.ai", "openai/gpt-5", "flex", "1.25", True),
        ("api.groq.com", "openai/gpt-oss-120b", "flex", "0.15", False),
        ("api.anthropic.com", "claude-sonnet-4-5", "batch", "1.5", False),
        ("api.anthropic.com", "claude-sonnet-4-5", "priority", "3", True),
        ("api.anthropic.com", "unheard-of", "priority", None, False),
    ],
)
def test_another_tier_has_its_price_or_is_an_estimate(
    provider: str, model: str, tier: str, expected: str | None, estimated: bool
) -> None:
    """By what the provider says of the reply; where its price is not known it is the list's, marked."""
    cost, marked = Prices(rows(), tiers()).cost(provider, model, Usage(1_000_000, 0, tier=tier))
    assert (expected and Decimal(expected), estimated) == (None if cost is None else Decimal(cost) / PICO, marked)


def test_a_part_of_a_price_is_never_less_than_it() -> None:
    """Half of an odd number of picodollars is rounded up, once for the reply."""
    odd = Prices((Row("m", Price(1, 1)),), (Tier("*", "flex", 50),))
    assert (2, False) == odd.cost("x", "m", Usage(3, 0, tier="flex"))


def test_own_prices_come_first() -> None:
    """A pattern of the operator's is looked at before the list; what it does not say costs as the rest of its kind."""
    own = Prices((Row("gpt-4*", price({"input": 1, "output": 2.5, "cache_read": 0.0028}, "prices")), *rows()))
    assert (1_000_000 + 2800 + 1_000_000 + 2_500_000, False) == own.cost("x", "gpt-4o", Usage(1, 1, 1, 1))


@pytest.mark.parametrize(
    "fields",
    [{"input": 1}, {"input": 1, "output": -1}, {"input": 1, "output": 2, "x": 3}, {"input": 1, "output": 1e-7}],
)
def test_what_is_no_price_is_refused(fields: dict[str, object]) -> None:
    """Missing, negative, unknown, or finer than can be counted."""
    with pytest.raises(ConfigError, match="prices"):
        price(fields, "prices")


@given(counts=st.tuples(COUNTS, COUNTS, COUNTS, COUNTS), amounts=st.tuples(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS))
def test_the_sum_is_exact(counts: tuple[int, ...], amounts: tuple[Decimal, ...]) -> None:
    """Dollars from picodollars are the exact sum of counts times prices."""
    (input, output, read, write), (for_input, for_output, for_read, for_write) = counts, amounts
    paid = Price(*(per_token(amount, "a price") for amount in (for_input, for_output, for_read, for_write))).cost(
        Usage(input, output, cache_read=read, cache_write=write)
    )
    exact = input * for_input + output * for_output + read * for_read + write * for_write
    assert paid is not None
    assert Decimal(paid) / PICO == exact / 1_000_000


@given(one=st.tuples(COUNTS, COUNTS), other=st.tuples(COUNTS, COUNTS))
def test_what_two_answers_took_adds_up(one: tuple[int, int], other: tuple[int, int]) -> None:
    """Priced apart and added, or added and priced: the same."""
    flat = Price(1_250_000, 10_000_000)
    apart = [flat.cost(Usage(*each)) or 0 for each in (one, other)]
    assert sum(apart) == flat.cost(Usage(one[0] + other[0], one[1] + other[1]))


def test_the_list_says_where_it_is_from() -> None:
    """Every source has an address and a date, none later than the list's own."""
    for address, seen in SOURCES.values():
        assert address.startswith("https://")
        assert date.fromisoformat(seen) <= date.fromisoformat(DATE)


def test_names_are_made_plain() -> None:
    """What stands around a model's name is taken off, and nothing of the name itself."""
    assert ["claude-sonnet-4-5"] * 3 == [
        plain(each)
        for each in ("anthropic/claude-sonnet-4.5", "us.anthropic.claude-sonnet-4-5-v2:0", "claude-sonnet-4-5@20250929")
    ]
    assert "gpt-4.1-mini" == plain("gpt-4.1-mini-2025-04-14")
