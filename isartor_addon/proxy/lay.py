"""Puts the fast lane into the running mitmproxy, if it can be: a mitmproxy that is built otherwise goes without."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from mitmproxy import ctx

from isartor_addon.assemble import House
from isartor_addon.proxy.requests import Requests
from isartor_addon.proxy.tasks import Tasks

if TYPE_CHECKING:
    from isartor_addon.proxy.lane import Hooks, Lane

logger = logging.getLogger(__name__)


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

        fault = internals.rehearse(ctx.options)
    except (ImportError, AttributeError) as error:
        fault = str(error)
    if fault:
        logger.warning("this mitmproxy is built otherwise (%s): the fast lane stays off, answers take longer", fault)
        return None
    gate = Gate(hooks, lambda: house().config.lane)
    lane = Lane(house, requests=requests, prepare=hooks.prepare, gate=gate, display=Display(tasks))
    # Scripts stand before mitmproxy's own `next_layer`; this one must stand behind it.
    ctx.master.addons.add(lane)
    return lane
