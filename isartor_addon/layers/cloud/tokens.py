"""Short-lived keys: a command prints one, which is used for a while; then, or when it is refused, it prints another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from isartor_addon.core.errors import KeyUnknown
from isartor_addon.layers.cloud.keys import Key

REST_S = 10.0
"""How long a command that has failed is not run again."""
YOUNG_S = 5.0
"""What is refused at this age is not refused for its age."""

type Run = Callable[[Sequence[str]], Awaitable[str]]
"""Runs a command and gives the key that it prints. Raises `KeyUnknown` where it prints none."""


@dataclass(slots=True, eq=False)
class _Held:
    """What one command has printed last."""

    running: asyncio.Lock = field(default_factory=asyncio.Lock)
    secret: str = ""
    since: float = 0.0
    fault: str = ""
    """Why there is none; empty: it has not failed."""


class Tokens:
    """What commands have printed. For one event loop; each command runs once at a time, whoever waits for it."""

    def __init__(self, run: Run, monotonic: Callable[[], float]) -> None:
        """
        Args:
            run: see `Run`.
            monotonic: seconds that never go back.
        """
        self._run = run
        self._monotonic = monotonic
        self._held: dict[tuple[str, ...], _Held] = {}

    async def filled(self, key: Key) -> Key:
        """
        `key` with its secret; one that no command prints has it.

        Raises:
            KeyUnknown: its command prints none now, or did not a moment ago.
        """
        if not key.command:
            return key
        held = self._held.setdefault(key.command, _Held())
        async with held.running:
            age_s = self._monotonic() - held.since
            if held.fault and age_s < REST_S:
                raise KeyUnknown(held.fault)
            if not held.secret or age_s >= key.ttl_s:
                await self._renew(held, key.command)
        return replace(key, secret=held.secret)

    def renewable(self, key: Key) -> bool:
        """Whether asking again may help where `key`, as `filled` gave it, was refused: then it is renewed."""
        held = self._held.get(key.command)
        if held is None:
            return False
        if held.secret != key.secret:
            return True
        old = self._monotonic() - held.since >= YOUNG_S
        if old:
            held.secret = ""
        return old

    async def _renew(self, held: _Held, command: tuple[str, ...]) -> None:
        held.secret, held.fault = "", ""
        try:
            held.secret = await self._run(command)
        except KeyUnknown as error:
            held.fault = str(error)
            raise
        finally:
            held.since = self._monotonic()
