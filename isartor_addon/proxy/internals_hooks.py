"""Which addons mitmproxy asks for an event: only those that may have something to say to it, in its own order.

mitmproxy looks for every event's method on each of some 37 addons, and does so twice for a flow, most often in vain.
That is half of what a request costs it. Here it is noted which of its own addons lack a method, and they are not asked;
those that have it are called without the search. All others are asked by mitmproxy's own `invoke_addon`. Like
`internals.py` this touches names that are not promised, and `rehearse` tries them out.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from mitmproxy import addonmanager, exceptions, hooks

from isartor_addon.proxy.rehearsal import first_fault

_FIXED = ("mitmproxy.addons.", "mitmproxy.tools.", "isartor_addon.")
"""Where classes come from whose objects get no further methods while they are in use."""


@dataclass(frozen=True, slots=True)
class _Row:
    """Who is to be asked for one event."""

    chain: list[object]
    """mitmproxy's list, which it replaces when it removes an addon."""
    length: int
    """How long that was; addons are added at its end."""
    asked: tuple[tuple[object, bool], ...]
    """With whether it has no addons inside, now and later."""

    def addons(self) -> Iterator[tuple[object, bool]]:
        """Who is asked now, with those that are added meanwhile."""
        yield from self.asked
        for addon in itertools.islice(self.chain, self.length, None):
            yield addon, False


class HookTable:
    """In place of the `trigger_event` of one `AddonManager`, from `install` to `remove`."""

    def __init__(self, addons: addonmanager.AddonManager, wanted: Callable[[], bool]) -> None:
        """
        Args:
            addons: whose events.
            wanted: whether it is to be used now; else everybody is asked.
        """
        self._addons = addons
        self._wanted = wanted
        self._rows: dict[str, _Row] = {}

    def install(self) -> bool:
        """Take the place; whether it was free."""
        if "trigger_event" in vars(self._addons):
            return False
        self._addons.trigger_event = self.trigger_event  # type: ignore[method-assign]
        return True

    def remove(self) -> None:
        """Leave it. Where somebody has wrapped this meanwhile it stays, and asks everybody."""
        self._wanted = _never
        self._rows.clear()
        if vars(self._addons).get("trigger_event") == self.trigger_event:
            del self._addons.trigger_event

    async def trigger_event(self, event: hooks.Hook) -> None:
        """Ask, as `AddonManager.trigger_event` does; an addon that is added meanwhile is asked, too."""
        addons = self._addons
        if not self._wanted():
            await addonmanager.AddonManager.trigger_event(addons, event)
            return
        row = self._rows.get(event.name)
        if row is None or row.chain is not addons.chain or row.length != len(row.chain):
            row = self._rows[event.name] = self._row(event.name)
        if not row.asked:
            return
        arguments = _arguments(event)
        for addon, is_single in row.addons():
            try:
                method = getattr(addon, event.name, None) if is_single else None
                if method and callable(method):
                    await invoke_addon(method, arguments)
                else:
                    await addons.invoke_addon(addon, event)
            except exceptions.AddonHalt:
                return
            except Exception:
                with addonmanager.safecall():  # which logs it, or not
                    raise

    def _row(self, name: str) -> _Row:
        chain = self._addons.chain
        asked = tuple((addon, _is_single(addon)) for addon in chain if not _lacks(addon, name))
        return _Row(chain, len(chain), asked)


async def invoke_addon(method: Callable[..., Any], arguments: list[Any]) -> None:
    """
    Call an addon's method, and wait for it where it can be waited for.

    It has the name of mitmproxy's method that does so because mitmproxy cuts the tracebacks of addons' faults there.
    """
    outcome = method(*arguments)
    if outcome is not None and inspect.isawaitable(outcome):
        await outcome


def _arguments(event: hooks.Hook) -> list[Any]:
    kind = type(event)
    if kind.args is not hooks.Hook.args:
        return event.args()
    return [getattr(event, name) for name in _names(kind)]  # type: ignore[arg-type]  # a class can be hashed


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _never() -> bool:
    return False


def _is_fixed(addon: object) -> bool:
    """Whether all that there is to be known of its attributes can be seen."""
    kind = type(addon)
    return (
        kind.__module__.startswith(_FIXED)
        and hasattr(addon, "__dict__")
        and kind.__getattribute__ is object.__getattribute__
        and not hasattr(kind, "__getattr__")
    )


def _has(addon: object, name: str) -> bool:
    return hasattr(type(addon), name) or name in vars(addon)


def _lacks(addon: object, name: str) -> bool:
    """Whether asking is in vain, now and later."""
    return _is_single(addon) and not _has(addon, name)


def _is_single(addon: object) -> bool:
    """Whether it is no container of other addons, now and later."""
    return _is_fixed(addon) and not _has(addon, "addons")


def rehearse() -> str:
    """Have events triggered here and by mitmproxy; why it does not come to the same, empty if it does."""
    return first_fault(_faults)


def _faults() -> Iterator[str]:
    stock, table = _play(lambda table: None), _play(HookTable.install)
    yield "" if stock == table == ["a", "b", "c", "halt"] else f"addons are asked otherwise: {stock}, {table}"


class _Probe:
    def __init__(self, said: list[str], name: str) -> None:
        self._said = said
        self._name = name

    async def running(self) -> None:
        self._said.append(self._name)
        if self._name == "halt":
            raise exceptions.AddonHalt


class _Container(_Probe):
    def __init__(self, said: list[str], name: str, *addons: object) -> None:
        super().__init__(said, name)
        self.addons = addons


def _play(prepare: Callable[[HookTable], object]) -> list[str]:
    """Whom an event reaches, the table being prepared by `prepare`."""
    said: list[str] = []
    manager = addonmanager.AddonManager.__new__(addonmanager.AddonManager)
    manager.chain = [
        _Idle(),
        _Container(said, "a", _Probe(said, "b")),
        _Idle(),
        _Probe(said, "c"),
        _Probe(said, "halt"),
        _Probe(said, "no"),
    ]
    prepare(HookTable(manager, lambda: True))
    asking = manager.trigger_event(hooks.RunningHook())
    try:
        asking.send(None)
    except StopIteration:
        return said
    asking.close()
    return [*said, "waits"]


class _Idle:
    pass
