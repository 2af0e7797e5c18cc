"""Fear: the lane answers where an addon or an option has a say, or for an addon that is gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from isartor_addon.config.schema import Lane

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of mitmproxy's own imports


class Own:
    """Our addon."""

    def request(self, flow: object) -> None:
        """A hook for flows."""


class Other:
    """Somebody else's."""

    def __init__(self, hook: str) -> None:
        setattr(self, hook, print)


@pytest.fixture
def around() -> Iterator[tuple[Any, Any]]:
    """A mitmproxy that runs, and a gate in it."""
    from mitmproxy.addons import modifyheaders, serverplayback, view
    from mitmproxy.test import taddons

    from isartor_addon.proxy.gate import Gate

    own = Own()
    with taddons.context(serverplayback.ServerPlayback(), modifyheaders.ModifyHeaders(), own) as context:
        context.view = view.View()
        yield context, Gate(own, Lane)
        context.master.event_loop.close()  # which the context does since 12.2


def test_it_opens(around: tuple[Any, Any]) -> None:
    """With nobody but us and mitmproxy's own addons at rest."""
    _, gate = around
    assert gate.is_open()
    assert not gate.watched


@pytest.mark.parametrize("hook", ["requestheaders", "request", "responseheaders", "response", "update"])
def test_an_addon_with_hooks_for_flows_closes_it(around: tuple[Any, Any], hook: str) -> None:
    """For as long as it is loaded."""
    context, gate = around
    other = Other(hook)
    context.master.addons.add(other)
    assert not gate.is_open()
    context.master.addons.remove(other)
    assert gate.is_open()


def test_an_addon_without_leaves_it_open(around: tuple[Any, Any]) -> None:
    """What only looks at connections or sockets changes no answer."""
    context, gate = around
    context.master.addons.add(Other("client_connected"))
    assert gate.is_open()


def test_an_option_closes_it(around: tuple[Any, Any]) -> None:
    """From the moment it is set until it is unset."""
    context, gate = around
    for value, expected in ((["/~q/a/b"], False), ([], True)):
        context.options.update(modify_headers=value)
        gate.reconsider()
        assert expected == gate.is_open()


def test_a_replay_that_a_command_has_loaded_closes_it(around: tuple[Any, Any]) -> None:
    """mitmproxy answers from its own recordings first; no option says that it has any."""
    context, gate = around
    assert gate.is_open()
    context.master.addons.get("serverplayback").flowmap = {1: []}
    assert not gate.is_open()


def test_without_our_addon_it_is_closed(around: tuple[Any, Any]) -> None:
    """Connections outlive a script that is loaded anew; the old addon answers nothing on them."""
    context, gate = around
    assert gate.is_open()
    context.master.addons.remove(context.master.addons.get("own"))
    assert not gate.is_open()


def test_it_can_be_shut(around: tuple[Any, Any]) -> None:
    """For good."""
    _, gate = around
    gate.shut()
    assert not gate.is_open()
    gate.reconsider()
    assert not gate.is_open()


@pytest.mark.parametrize(("flows", "watched"), [("always", True), ("when_watched", True), ("never", False)])
def test_a_face_watches(around: tuple[Any, Any], flows: str, watched: bool) -> None:
    """mitmweb and the console have a view; it leaves the gate open."""
    from isartor_addon.proxy.gate import Gate

    context, _ = around
    gate = Gate(context.master.addons.get("own"), lambda: Lane(flows=flows))
    context.master.addons.add(context.view)
    assert gate.is_open()
    assert watched == gate.watched
