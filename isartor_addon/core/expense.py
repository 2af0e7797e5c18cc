"""What one exchange took, or spared: the ledger is made of these."""

from __future__ import annotations

from typing import NamedTuple

from isartor_addon.core.exchange import Exchange
from isartor_addon.core.reply import Usage

PROVIDER_LAYER = "l3"
"""The layer that stands for the providers: what it does costs, what any other does is spared."""
ATTEMPT = "attempt"
"""In its place: a provider that a chain has asked, and whose answer nobody got. That costs as well."""
NOBODY = "none"
"""In its place: nobody has answered; what was asked in vain is entered attempt by attempt."""
PAID = frozenset({PROVIDER_LAYER, ATTEMPT})
FREE = Usage(input=0, output=0)
_LONGEST_NAME = 200


class Expense(NamedTuple):
    """One exchange. A tuple, because one is made for every hit."""

    time: float
    """When it began; Unix time, seconds."""
    caller: str
    """A keyed hash; see `core/caller.py`."""
    client: str
    project: str
    provider: str
    """Its name in the catalogue where it was asked through a chain, else its host."""
    model: str
    layer: str
    """Who answered: `l3` is a provider; see `ATTEMPT` and `NOBODY`."""
    status: int
    """HTTP status of the answer; 0: there was none."""
    usage: Usage | None
    """What the provider counted; of an answer from here, when it gave the reply that was replayed. None: not said."""
    partial: bool = False
    """Whether the reply was cut, so that more may have been used than it had said."""


def expense_of(
    exchange: Exchange,
    *,
    layer: str,
    status: int,
    usage: Usage | None,
    partial: bool = False,
) -> Expense:
    """
    What `exchange` took, or spared.

    Args:
        exchange: it has come to its end.
        layer: who answered.
        status: of the answer; 0: there was none.
        usage: what is known of it.
        partial: whether the reply was cut.
    """
    if usage is None and (exchange.route.operation == "count" or status >= 400):
        usage = FREE  # providers take nothing for counting tokens, nor for errors
    return Expense(
        exchange.started,
        exchange.caller,
        exchange.client.name,
        exchange.project,
        exchange.answered_by or exchange.request.host[:_LONGEST_NAME],
        (exchange.answered_model or exchange.model)[:_LONGEST_NAME],
        layer,
        status,
        usage,
        partial,
    )


def attempt_of(
    exchange: Exchange, *, provider: str, model: str, status: int, usage: Usage | None, partial: bool
) -> Expense:
    """
    What one attempt of a chain took whose answer nobody got: it was cut, was none, or came later than another's.

    Args:
        exchange: what was asked on behalf of.
        provider: its name in the catalogue; empty: the client's own.
        model: that it was asked for.
        status: of its reply; 0: there was none.
        usage: what it has said of it; None: nothing, and nobody guesses.
        partial: whether it might have said more.
    """
    made = expense_of(exchange, layer=ATTEMPT, status=status, usage=usage, partial=partial)
    return made._replace(provider=(provider or exchange.request.host)[:_LONGEST_NAME], model=model[:_LONGEST_NAME])


class Kind(NamedTuple):
    """What the exchanges have in common that are counted together."""

    minute: int
    """When they began; Unix time, seconds, rounded down. Older ones are rounded down to the hour."""
    caller: str
    client: str
    project: str
    provider: str
    model: str
    layer: str
    status: int
    estimated: int
    """1 where the money is an estimate: the reply was cut, or its price depends on what it does not say."""


class Sums(NamedTuple):
    """How many they are, and what they took or spared together."""

    requests: int = 0
    uncounted: int = 0
    """Of these, whose provider did not say what they used."""
    unpriced: int = 0
    """Of these, whose money is not known: uncounted, or no price is known for their model."""
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    """Of `output`."""
    cost: int = 0
    """Picodollars."""

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(*map(int.__add__, self, other))

    @property
    def tokens(self) -> int:
        """All that was read and made."""
        return self.input + self.cache_read + self.cache_write + self.output


def sums_of(usage: Usage | None, cost: int | None) -> Sums:
    """One exchange as a sum."""
    if usage is None:
        return Sums(1, 1, 1)
    return Sums(
        1,
        0,
        1 if cost is None else 0,
        usage.input or 0,
        usage.cache_read or 0,
        usage.cache_write or 0,
        usage.output or 0,
        usage.reasoning or 0,
        cost or 0,
    )
