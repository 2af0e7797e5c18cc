"""What tokens cost: prices by model, and what an answer took at them.

All money is whole picodollars (10^-12 USD): a price of six decimals in dollars per million tokens is a whole number of
them a token, so nothing is ever rounded but the sum of a reply that is served at a part of its price.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from fnmatch import fnmatchcase

from isartor_addon.core.errors import ConfigError
from isartor_addon.core.reply import Usage, without

PICO = 10**12
"""Of these in a dollar."""
_DATED = re.compile(r"[-@](?:20\d\d-?[01]\d-?[0-3]\d|latest)$")
"""What stands behind a model's name where one state of it is meant; it costs the same."""
_BEDROCK = re.compile(r"^(?:[a-z]+\.)?[a-z]+\.(?=claude)|-v\d+(?::\d+)?$")


@dataclass(frozen=True, slots=True)
class Price:
    """Picodollars a token. Reasoning is output."""

    input: int
    output: int
    cache_read: int | None = None
    """None: as input."""
    cache_write: int | None = None
    """None: as input."""
    cache_write_1h: int | None = None
    """None: as any other write."""
    above: int | None = None
    """Where prompts of more tokens cost otherwise, all of them."""
    long: Price | None = None
    """What they cost then."""
    varies: bool = False
    """Whether it also depends on what a reply does not say (the hour), so that a cost is an estimate."""

    def cost(self, usage: Usage) -> int | None:
        """What `usage` takes, picodollars; None where it counts nothing."""
        prompt = usage.prompt
        if prompt is None and usage.output is None:
            return None
        if self.long is not None and self.above is not None and (prompt or 0) > self.above:
            return self.long.cost(usage)
        write = self.input if self.cache_write is None else self.cache_write
        hour = write if self.cache_write_1h is None else self.cache_write_1h
        read = self.input if self.cache_read is None else self.cache_read
        kept_long = min(usage.cache_write_1h or 0, usage.cache_write or 0)
        return (
            (usage.input or 0) * self.input
            + (usage.cache_read or 0) * read
            + (without(usage.cache_write, kept_long) or 0) * write
            + kept_long * hour
            + (usage.output or 0) * self.output
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the price list."""

    pattern: str
    """Of model names, as in `fnmatch`, lower case."""
    price: Price
    provider: str = "*"
    """Pattern of providers: weights that are open cost what each provider takes."""


@dataclass(frozen=True, slots=True)
class Tier:
    """What a provider takes for another way of serving."""

    provider: str
    """A pattern, as in `Row`."""
    name: str
    """The provider's own word for it, as in `Usage.tier`."""
    percent: int
    """Of the list price."""


class Prices:
    """The price list, the operator's own prices first."""

    def __init__(self, rows: Iterable[Row], tiers: Iterable[Tier] = ()) -> None:
        """
        Args:
            rows: the first that fits counts.
            tiers: what is served otherwise at a price that is known; for the rest the list price is an estimate.
        """
        self._rows = tuple(rows)
        self._tiers = tuple(tiers)
        self._found: dict[tuple[str, str], Price | None] = {}

    def of(self, provider: str, model: str) -> Price | None:
        """The price of a model at a provider; None: it is not known, which is not the same as free."""
        known = self._found
        if (provider, model) not in known:
            if len(known) > _REMEMBERED:  # names come from clients
                known.clear()
            known[provider, model] = self._look_up(provider.lower(), model.lower())
        return known[provider, model]

    def cost(self, provider: str, model: str, usage: Usage | None) -> tuple[int | None, bool]:
        """What `usage` comes to in picodollars, None where that is not known; and whether it is an estimate."""
        if usage is None:
            return None, False
        if not (usage.prompt or usage.output) and None not in (usage.prompt, usage.output):
            return 0, False
        found = self.of(provider, model)
        cost = None if found is None else found.cost(usage)
        if found is None or cost is None:
            return None, False
        percent = self._percent(provider, usage.tier)
        # Whole picodollars: half of an odd number of them is rounded up.
        return (cost, True) if percent is None else (-(-cost * percent // 100), found.varies)

    def _percent(self, provider: str, tier: str) -> int | None:
        """Of the list price; None: it is not known."""
        if not tier:
            return 100
        fits = (each for each in self._tiers if each.name == tier and fnmatchcase(provider.lower(), each.provider))
        return next((each.percent for each in fits), None)

    def _look_up(self, provider: str, model: str) -> Price | None:
        names = (model, plain(model))
        for row in self._rows:
            if fnmatchcase(provider, row.provider) and any(fnmatchcase(name, row.pattern) for name in names):
                return row.price
        return None


_REMEMBERED = 1000


def plain(model: str) -> str:
    """A model's name without its maker (`anthropic/...`), the cloud's marks around it, and the date behind it."""
    name = _DATED.sub("", _BEDROCK.sub("", model.rpartition("/")[2]))
    # OpenRouter writes `claude-sonnet-4.5`, Anthropic `claude-sonnet-4-5`.
    return name.replace(".", "-") if name.startswith("claude") else name


def price(fields: Mapping[str, object], where: str) -> Price:
    """
    Read a price: fields of `Price`, in USD per million tokens.

    Raises:
        ConfigError: a field is unknown, missing or no price.
    """
    known = ("input", "output", "cache_read", "cache_write", "cache_write_1h")
    for name in fields:
        if name not in known:
            raise ConfigError(f"In {where}, `{name}` is no price; there are {', '.join(known)}.")
    for name in ("input", "output"):
        if name not in fields:
            raise ConfigError(f"{where} lacks `{name}`, in USD per million tokens.")
    amounts = {name: per_token(value, f"{where}, `{name}`") for name, value in fields.items()}
    return Price(
        amounts["input"],
        amounts["output"],
        amounts.get("cache_read"),
        amounts.get("cache_write"),
        amounts.get("cache_write_1h"),
    )


def per_token(usd_per_million: object, where: str) -> int:
    """
    Picodollars a token.

    Raises:
        ConfigError: it is no amount, or has more than six decimals.
    """
    try:
        amount = Decimal(str(usd_per_million)) * 1_000_000
        if isinstance(usd_per_million, bool) or not amount.is_finite() or amount < 0 or amount != int(amount):
            raise ValueError
    except (DecimalException, ValueError):
        raise ConfigError(
            f"In {where} is `{usd_per_million}`, but it must be an amount in USD per million tokens with at most six "
            "decimals."
        ) from None
    return int(amount)
