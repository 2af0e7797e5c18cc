"""What an attempt takes that does not answer: it is billed all the same, as far as its provider has worked.

Nothing is guessed. Where a provider has said nothing by the time its connection is closed, its usage is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from isartor_addon.core.exchange import Exchange
from isartor_addon.core.reply import Usage
from isartor_addon.layers.cloud.plan import Target

type Account = Callable[[Exchange, Target, int, Usage | None, bool], None]
"""Enters an attempt whose answer nobody gets: the status of its reply (0: none), its usage as far as that is known, and
whether it might have said more.
"""


@dataclass(slots=True, eq=False)
class Meter:
    """What one attempt has taken, as far as is known. Read when its connection is closed, whatever the reason."""

    reached: bool = False
    """Whether the provider may have had the request."""
    status: int = 0
    usage: Callable[[], Usage | None] = lambda: None
    partial: bool = True
    """Whether it might have said more."""
    given: bool = False
    """Whether its answer goes to the client, whose exchange is then entered with it."""
