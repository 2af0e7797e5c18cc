"""Settings in; prices, quotas and the ledger out. What exchanges took, or spared, is entered here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from isartor_addon.config.places import places
from isartor_addon.config.schema import Config, QuotaTable
from isartor_addon.core.errors import ConfigError
from isartor_addon.core.exchange import Exchange
from isartor_addon.core.expense import PAID, Expense, attempt_of, expense_of
from isartor_addon.core.reply import Usage
from isartor_addon.layers.cloud.plan import Target
from isartor_addon.layers.cloud.price_list import rows, tiers
from isartor_addon.layers.cloud.prices import PICO, Prices, Row, price
from isartor_addon.layers.cloud.quota import Quota, Quotas, Who
from isartor_addon.layers.ports import Clock
from isartor_addon.store.ledger import Ledger, Rated


@dataclass(frozen=True, slots=True)
class Accounts:
    """What there is about money."""

    ledger: Ledger
    quotas: Quotas
    enabled: bool

    def enter(
        self,
        exchange: Exchange,
        *,
        layer: str,
        status: int,
        usage: Usage | None = None,
        partial: bool = False,
    ) -> None:
        """Enter what `exchange` took or spared; some microseconds. Arguments as for `expense_of`."""
        if self.enabled:
            self.ledger.add(expense_of(exchange, layer=layer, status=status, usage=usage, partial=partial))

    def enter_attempt(
        self, exchange: Exchange, target: Target, status: int, usage: Usage | None, partial: bool
    ) -> None:
        """Enter what a provider took whose answer nobody got. Arguments as for `attempt_of`."""
        if self.enabled:
            provider = target.provider.name if target.provider else ""
            self.ledger.add(
                attempt_of(exchange, provider=provider, model=target.model, status=status, usage=usage, partial=partial)
            )

    def close(self) -> None:
        """Write what waits."""
        self.ledger.close()


def open_accounts(config: Config, clock: Clock) -> Accounts:
    """
    Put them together.

    Raises:
        ConfigError: a price or a quota makes no sense.
    """
    prices = Prices((*_own_prices(config), *rows()), tiers())
    meant: list[Quotas] = []

    def rate(expense: Expense) -> Rated:
        paid = expense.layer in PAID
        who = Who(expense.caller, expense.client, expense.project)
        counters = meant[0].counters(who, expense.provider, expense.model, expense.time) if paid else ()
        cost, estimated = prices.cost(expense.provider, expense.model, expense.usage)
        return Rated(cost, cost is not None and (estimated or expense.partial), counters)

    ledger = Ledger(places(config).ledger, rate=rate, days=config.ledger.days, clock=clock)
    meant.append(Quotas(_quotas(config.quotas), ledger))
    return Accounts(ledger, meant[0], enabled=config.ledger.enabled or bool(config.quotas))


def _own_prices(config: Config) -> list[Row]:
    return [Row(pattern.lower(), price(fields, f'`prices."{pattern}"`')) for pattern, fields in config.prices.items()]


def _quotas(tables: Sequence[QuotaTable]) -> list[Quota]:
    names: set[str] = set()
    for number, table in enumerate(tables):
        at = f"quotas[{number}]"
        if table.name in names:
            raise ConfigError(f"`{at}.name` is `{table.name}`, which an earlier table has: counts are kept by name.")
        if not (table.requests or table.tokens or table.usd):
            raise ConfigError(f"`{at}` (`{table.name}`) has no limit: give `requests`, `tokens` or `usd`.")
        names.add(table.name)
    return [_quota(table) for table in tables]


def _quota(table: QuotaTable) -> Quota:
    return Quota(
        name=table.name,
        window=table.window,  # type: ignore[arg-type]  # its choices are these words
        requests=table.requests or None,
        tokens=table.tokens or None,
        cost=max(1, int(Decimal(str(table.usd)) * PICO)) if table.usd else None,
        provider=table.provider,
        caller=table.caller,
        client=table.client,
        project=table.project,
        model=table.model,
        per=table.per,  # type: ignore[arg-type]
        action=table.action,  # type: ignore[arg-type]
        warn_at=table.warn_at,
        zone=ZoneInfo(table.zone),
        on_error=table.on_error,  # type: ignore[arg-type]
    )
