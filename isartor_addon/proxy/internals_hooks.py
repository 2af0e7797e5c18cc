"""Which addons mitmproxy asks for an event: only those that may have something to say to it, in its own order.

mitmproxy looks for every event's method on each of some 37 addons, and does so twice for a flow, most often in vain.
That is half of what a request costs it. Here it is noted which of its own addons lack a method, or do nothing without
an option that is not set, and they are not asked.
All others are asked in the way of its own `invoke_addon`, without its nested generators. Like `internals.py` this
touches names that are not promised, and `rehearse` tries them out.
"""

from __future__ import annotations

import inspect
import itertools
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from mitmproxy import addonmanager, exceptions, hooks

from isartor_addon.proxy.rehearsal import first_fault

_FIXED = ("mitmproxy.addons.", "mitmproxy.tools.", "isartor_addon.")
"""Where classes come from whose objects get no further methods while they are in use."""
_OPTIONAL = frozenset({"requestheaders", "request", "responseheaders", "response"})
"""Events to which some addons have something to say only while an option is set."""

_END = object()


@dataclass(frozen=True, slots=True)
class _Row:
    """Who is to be asked for one event."""

    chain: list[object]
    """mitmproxy's list, which it replaces when it removes an addon."""
    length: int
    """How long that was; addons are added at its end."""
    asked: tuple[object, ...]

    def addons(self) -> Iterator[object]:
        """Who is asked now, with those that are added meanwhile."""
        yield from self.asked
        yield from itertools.islice(self.chain, self.length, None)


class HookTable:
    """In place of the `trigger_event` of one `AddonManager`, from `install` to `remove`."""

    def __init__(
        self, addons: addonmanager.AddonManager, wanted: Callable[[], bool], idle: Callable[[object], bool]
    ) -> None:
        """
        Args:
            addons: whose events.
            wanted: whether it is to be used now; else everybody is asked.
            idle: whether an addon does nothing to flows and does not look at them, as options stand.
        """
        self._addons = addons
        self._wanted = wanted
        self._idle = idle
        self._rows: dict[str, _Row] = {}

    def install(self) -> bool:
        """Take the place; whether it was free."""
        if "trigger_event" in vars(self._addons):
            return False
        self._addons.trigger_event = self.trigger_event  # type: ignore[method-assign]
        return True

    def forget(self) -> None:
        """Options have changed."""
        self._rows.clear()

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
        for addon in row.addons():
            try:
                await invoke_addon(addons, addon, event, arguments)
            except exceptions.AddonHalt:
                return
            except Exception:
                with addonmanager.safecall():  # which logs it, or not
                    raise

    def _row(self, name: str) -> _Row:
        chain = self._addons.chain
        asked = [addon for addon in chain if not _lacks(addon, name)]
        if name in _OPTIONAL:
            asked = [addon for addon in asked if not self._idle(addon)]
        return _Row(chain, len(chain), tuple(asked))


async def invoke_addon(
    manager: addonmanager.AddonManager, addon: object, event: hooks.Hook, arguments: list[Any]
) -> None:
    """
    Ask an addon and, in their order, those in it, as mitmproxy's method of this name does.

    It has that name because mitmproxy cuts the tracebacks of addons' faults there.
    """
    name = event.name
    inside: list[Iterator[object]] = []
    while addon is not _END:
        method = getattr(addon, name, None)
        if method:
            if callable(method):
                outcome = method(*arguments)
                if outcome is not None and inspect.isawaitable(outcome):
                    await outcome
            elif not isinstance(method, types.ModuleType):
                next(manager._iter_hooks(addon, event))  # which says what is wrong with it
        if hasattr(addon, "addons"):
            inside.append(iter(addon.addons))
        addon = _next(inside)


def _next(inside: list[Iterator[object]]) -> object:
    """The next of the innermost that has one."""
    while inside:
        if (each := next(inside[-1], _END)) is not _END:
            return each
        inside.pop()
    return _END


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
    """Whether asking is in vain, now and later: it is no container of other addons, and has no such attribute."""
    return _is_fixed(addon) and not _has(addon, "addons") and not _has(addon, name)


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
    prepare(HookTable(manager, lambda: True, lambda addon: False))
    asking = manager.trigger_event(hooks.RunningHook())
    try:
        asking.send(None)
    except StopIteration:
        return said
    asking.close()
    return [*said, "waits"]


class _Idle:
    pass
