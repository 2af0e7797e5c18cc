"""Puts the fast lane and the table of hooks into the running mitmproxy; one that is built otherwise goes without."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from mitmproxy import ctx

from isartor_addon.assemble import House
from isartor_addon.proxy.requests import Requests
from isartor_addon.proxy.tasks import Tasks

if TYPE_CHECKING:
    from isartor_addon.proxy.lane import Hooks, Lane

logger = logging.getLogger(__name__)


class Table(Protocol):
    """What has mitmproxy ask fewer addons."""

    def forget(self) -> None:
        """Options have changed."""

    def remove(self) -> None:
        """Have it ask all of them again."""


def lay(hooks: Hooks, house: Callable[[], House], *, requests: Requests, tasks: Tasks) -> Lane | None:
    """
    Add the lane.

    Args:
        hooks: our addon.
        house: what serves requests now.
        requests: reads requests.
        tasks: holds what runs in the background.

    Returns:
        The lane; None, after a warning, where mitmproxy's core has changed too much for it.
    """
    try:
        # Not above: where names have moved, even these imports fail.
        from isartor_addon.proxy import internals
        from isartor_addon.proxy.display import Display
        from isartor_addon.proxy.gate import Gate
        from isartor_addon.proxy.lane import Lane
        from isartor_addon.proxy.shortcut import Shortcuts

        fault = internals.rehearse(ctx.options)
    except (ImportError, AttributeError) as error:
        fault = str(error)
    if fault:
        logger.warning("this mitmproxy is built otherwise (%s): the fast lane stays off, answers take longer", fault)
        return None
    gate = Gate(hooks, lambda: house().config.lane)
    lane = Lane(
        house,
        requests=requests,
        prepare=hooks.prepare,
        gate=gate,
        display=Display(tasks),
        shortcuts=Shortcuts(tasks, lambda: house().config.lane.splice),
    )
    # Scripts stand before mitmproxy's own `next_layer`; this one must stand behind it.
    ctx.master.addons.add(lane)
    return lane


def ask_fewer(house: Callable[[], House]) -> Table | None:
    """
    Have mitmproxy ask those addons only that know of an event.

    Args:
        house: what serves requests now.

    Returns:
        What does it; None where somebody else does it already or, after a warning, where mitmproxy's core has changed
        too much for it.
    """
    try:
        from isartor_addon.proxy import internals_hooks
        from isartor_addon.proxy.gate import is_idle

        fault = internals_hooks.rehearse()
    except (ImportError, AttributeError) as error:
        fault = str(error)
    if fault:
        logger.warning("this mitmproxy is built otherwise (%s): all its addons are asked for every event", fault)
        return None
    table = internals_hooks.HookTable(ctx.master.addons, lambda: house().config.lane.quick_hooks, is_idle)
    return table if table.install() else None
