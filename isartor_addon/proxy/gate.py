"""Whether the fast lane may answer: only while nobody else has a say in what becomes of a request.

What other addons and options could do to a flow is not done by half: while any of them is there, every request goes
through mitmproxy's hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mitmproxy import ctx

from isartor_addon.config.schema import Lane
from isartor_addon.proxy import internals

_HOOKS = ("requestheaders", "request", "responseheaders", "response", "update")
_PACKAGES = ("mitmproxy.addons", "mitmproxy.tools.console")
_ACTS: Mapping[str, tuple[str, ...]] = {
    "anticache": ("anticache",),
    "anticomp": ("anticomp",),
    "blocklist": ("block_list",),
    "consoleaddons": (),  # redraws
    "disable_h2c": (),  # acts on upgrades, which the lane does not take
    "intercept": ("intercept",),
    "maplocal": ("map_local",),
    "mapremote": ("map_remote",),
    "modifybody": ("modify_body",),
    "modifyheaders": ("modify_headers",),
    "onboarding": (),  # a host of its own, which is no provider
    "proxyauth": ("proxyauth",),
    "server_side_events": (),  # warns
    "serverplayback": ("server_replay",),
    "stickyauth": ("stickyauth",),
    "stickycookie": ("stickycookie",),
    "tlsconfig": (),  # serves a certificate revocation list by a path of its own
    "update_alt_svc": (),  # changes a header that no recording holds
    "upstream_auth": ("upstream_auth",),
    "dumper": (),
    "save": (),
    "savehar": (),
    "view": (),
}
"""mitmproxy's own addons with hooks for HTTP, by module, and the options that make them act on a flow."""
_LOOKS: Mapping[str, str] = {"dumper": "flow_detail", "save": "save_stream_file", "savehar": "hardump"}
"""Those that only look at flows, and the option that makes them look."""
_REFUSES = ("body_size_limit",)
"""Options of mitmproxy's core that end a request before hooks are asked."""


class Gate:
    """Asked for every request. What it finds out holds until the addons or the options change."""

    def __init__(self, own: object, lane: Callable[[], Lane]) -> None:
        """
        Args:
            own: our addon, whose hooks do what the lane does.
            lane: the settings.
        """
        self._own = own
        self._lane = lane
        self._addons: tuple[object, ...] = ()
        self._shut = False
        self._alone = False
        self._wanted = False
        self._looked_at = False
        self.watched = False
        """Whether flows of what the lane answers are to be shown."""

    def is_open(self) -> bool:
        """Whether the lane may answer now."""
        return self.is_alone() and self._wanted

    def is_alone(self) -> bool:
        """Whether nobody else has a say now in what becomes of a flow."""
        addons = internals.addons_of(ctx.master)
        if addons != self._addons:
            self._look(addons)
        return self._alone and not internals.replays_for_server(ctx.master)

    def is_unseen(self) -> bool:
        """Whether, besides, nobody looks at flows now."""
        return self.is_alone() and not self._looked_at

    def shut(self) -> None:
        """Stay shut from now on."""
        self._shut = True
        self.reconsider()

    def reconsider(self) -> None:
        """Options have changed."""
        self._addons = ()

    def _look(self, addons: tuple[object, ...]) -> None:
        self._addons = addons
        lane = self._lane()
        theirs = [addon for addon in addons if addon is not self._own and _has_hook(addon)]
        names = [_name(addon) for addon in theirs]
        # A script that is loaded anew leaves the old addon behind.
        self._wanted = lane.enabled and not self._shut and self._own in addons
        self._alone = not any(map(_is_set, _REFUSES)) and not any(map(_acts, names))
        self._looked_at = any(map(_looks, names))
        self.watched = lane.flows == "always" or (lane.flows == "when_watched" and self._looked_at)


def _has_hook(addon: object) -> bool:
    return any(callable(getattr(addon, hook, None)) for hook in _HOOKS)


def _name(addon: object) -> str:
    """The module of an addon of mitmproxy's own; empty for others."""
    package, _, name = type(addon).__module__.rpartition(".")
    return name if package in _PACKAGES else ""


def is_idle(addon: object) -> bool:
    """Whether an addon of mitmproxy's does nothing to flows and does not look at them, as options stand."""
    name = _name(addon)
    options = (*_ACTS.get(name, ()), *filter(None, [_LOOKS.get(name)]))
    # A command can give the server replay something to say.
    return bool(options) and name != "serverplayback" and not any(map(_is_set, options))


def _acts(name: str) -> bool:
    return name not in _ACTS or any(map(_is_set, _ACTS[name]))


def _looks(name: str) -> bool:
    return name == "view" or (name in _LOOKS and _is_set(_LOOKS[name]))


def _is_set(option: str) -> bool:
    return option in ctx.options and bool(getattr(ctx.options, option))
