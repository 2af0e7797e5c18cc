"""The table of hooks asks the same addons the same things in the same order as mitmproxy does by itself."""

from __future__ import annotations

import asyncio
import itertools
import logging
import pkgutil
import sys
import traceback
import warnings
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import hooks, http
from mitmproxy.addonmanager import AddonManager
from mitmproxy.exceptions import AddonHalt, OptionsError
from mitmproxy.options import Options
from mitmproxy.proxy.layers.http import (
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
)
from mitmproxy.proxy.server_hooks import ClientConnectedHook
from mitmproxy.test import tflow

from isartor_addon.proxy import internals_hooks
from isartor_addon.proxy.internals_hooks import HookTable

HOOKS = ("requestheaders", "request", "response", "update", "client_connected")
DEEDS = ("say", "say later", "raise", "raise later", "refuse", "halt", "module", "number", "none")


def addon(said: list[str], name: str, deeds: dict[str, str], *, inside: tuple[object, ...] = (), ours: bool) -> object:
    """An addon that says when it is asked, and then does as told; `ours`: of a class that the table knows."""

    def method(hook: str, deed: str):
        def ask(self: object, *_: object) -> None:
            said.append(f"{name}.{hook}")
            if deed.startswith("raise"):
                raise ValueError(name)
            if deed == "refuse":
                raise OptionsError(name)
            if deed == "halt":
                raise AddonHalt

        async def ask_later(self: object, *arguments: object) -> None:
            await asyncio.sleep(0)
            ask(self, *arguments)

        return ask_later if deed.endswith("later") else ask

    fixed = {"module": asyncio, "number": 3, "none": None}
    members = {hook: fixed.get(deed, method(hook, deed)) for hook, deed in deeds.items()}
    made = type(name, (), {**members, "__module__": "isartor_addon.x" if ours else "theirs", "name": name})()
    if inside:
        made.addons = list(inside)
    return made


def fill(addons: AddonManager, said: list[str], plan: list[tuple[dict[str, str], dict[str, str] | None, bool]]) -> None:
    """Fill the chain by a plan: what each addon does, what one inside it does, whether the table knows its class."""
    for number, (deeds, inner, ours) in enumerate(plan):
        inside = (addon(said, f"in{number}", inner, ours=ours),) if inner is not None else ()
        addons.chain.append(addon(said, f"a{number}", deeds, inside=inside, ours=ours))


DEED = st.dictionaries(st.sampled_from(HOOKS), st.sampled_from(DEEDS), max_size=3)
PLANS = st.lists(st.tuples(DEED, st.none() | DEED, st.booleans()), max_size=6)
STEPS = st.lists(st.sampled_from((*HOOKS, "add", "remove", "set")), min_size=1, max_size=12)


async def take(step: str, addons: AddonManager, said: list[str], count: int) -> None:
    """One step: an event, or a change of the chain."""
    chain = addons.chain
    if step == "add":
        chain.append(addon(said, f"late{count}", {"request": "say", "update": "raise"}, ours=bool(count % 2)))
    elif step == "remove":
        addons.chain = chain[1:]
    elif step == "set":
        for each in chain:
            if type(each).__module__ == "theirs":
                each.request = lambda flow, name=each.name: said.append(f"{name}.set")
    else:
        made = {
            "requestheaders": HttpRequestHeadersHook,
            "request": HttpRequestHook,
            "response": HttpResponseHook,
            "update": lambda flow: hooks.UpdateHook([flow]),
            "client_connected": lambda flow: ClientConnectedHook(flow.client_conn),
        }[step]
        try:
            await addons.handle_lifecycle(made(tflow.tflow()))
        except OptionsError:
            said.append("refused")


def described(record: logging.LogRecord) -> str:
    """A line of the log, with the functions that its traceback names."""
    where = record.exc_info[2] if isinstance(record.exc_info, tuple) else None
    functions = [frame.name for frame in traceback.extract_tb(where)]
    return f"{record.getMessage().partition(' (<')[0]} in {functions}"


async def play(plan: list, steps: list[str], *, table: bool) -> list[str]:
    """What is said, errors that are logged among it."""
    said: list[str] = []
    addons = AddonManager(SimpleNamespace(options=Options()))
    fill(addons, said, plan)
    watch = logging.Handler()
    watch.emit = lambda record: said.append(described(record))
    logging.getLogger("mitmproxy.addonmanager").addHandler(watch)
    try:
        if table:
            assert HookTable(addons, lambda: True, lambda addon: False).install()
        for count, step in enumerate(steps):
            await take(step, addons, said, count)
    finally:
        logging.getLogger("mitmproxy.addonmanager").removeHandler(watch)
    return said


@settings(max_examples=120)
@given(PLANS, STEPS)
def test_the_same_is_said(plan, steps):
    """Whatever addons do (raise, halt, wait, come, go, get methods later), it comes to the same calls and log lines."""
    stock = asyncio.run(play(plan, steps, table=False))
    assert stock == asyncio.run(play(plan, steps, table=True))


def test_mitmproxys_own_are_asked_for_what_they_have_only():
    """Of the default addons those with a method are asked, in their order, and few others are searched for it; and the
    rehearsal finds nothing odd.
    """

    with warnings.catch_warnings(action="ignore"):  # of the parser that mitmproxy uses
        from mitmproxy.addons import anticache, default_addons

    async def run() -> None:
        addons = AddonManager(SimpleNamespace(options=Options()))
        addons.chain.extend(default_addons())
        asked = []
        have = [each for each in addons.chain if hasattr(each, "request")]
        for each in have:
            each.request = lambda flow, each=each: asked.append(each)
        HookTable(addons, lambda: True, lambda addon: False).install()
        searched = []

        def watch(frame, event, _):
            if event == "call" and frame.f_code is internals_hooks.invoke_addon.__code__:
                searched.append(frame.f_locals["addon"])

        sys.setprofile(watch)
        try:
            await addons.trigger_event(HttpRequestHook(tflow.tflow()))
        finally:
            sys.setprofile(None)
        assert have == asked
        assert any(isinstance(each, anticache.AntiCache) for each in asked)
        assert searched == [each for each in addons.chain if hasattr(each, "request") or hasattr(each, "addons")]
        assert len(searched) < len(addons.chain) / 2

    asyncio.run(run())
    assert "" == internals_hooks.rehearse()


def test_one_added_while_others_are_asked_is_asked():
    """An addon that another adds in its hook is asked for the same event, as without the table."""

    async def run(*, table: bool) -> list[str]:
        said: list[str] = []
        addons = AddonManager(SimpleNamespace(options=Options()))
        late = addon(said, "late", {"request": "say"}, ours=True)
        first = addon(said, "first", {}, ours=False)
        first.request = lambda flow: addons.chain.append(late)
        addons.chain.append(first)
        if table:
            HookTable(addons, lambda: True, lambda addon: False).install()
        await addons.trigger_event(HttpRequestHook(tflow.tflow()))
        return said

    assert ["late.request"] == asyncio.run(run(table=False)) == asyncio.run(run(table=True))


def test_it_leaves_as_it_came():
    """Once removed, and while it is not wanted, mitmproxy does it all; a place that is taken stays so."""

    async def run() -> None:
        addons = AddonManager(SimpleNamespace(options=Options()))
        wanted = [False]
        table = HookTable(addons, lambda: wanted[0], lambda addon: False)
        assert table.install()
        assert not HookTable(addons, lambda: True, lambda addon: False).install()
        said: list[str] = []
        quiet = addon(said, "quiet", {}, ours=True)
        addons.chain.append(quiet)
        for wanted[0] in (True, False):
            await addons.trigger_event(HttpRequestHook(tflow.tflow()))
            quiet.request = lambda flow: said.append("asked")
        assert ["asked"] == said
        table.remove()
        assert "trigger_event" not in vars(addons)

    asyncio.run(run())


SET = {
    "anticache": True,
    "anticomp": True,
    "block_list": ["/~u blocked/404"],
    "map_remote": ["|address|elsewhere"],
    "modify_body": ["/~q/content/other"],
    "modify_headers": ["/~q/x-added/here", "/~s/x-added/there"],
    "proxyauth": "me:secret",
    "stickyauth": ".*",
    "stickycookie": ".*",
    "upstream_auth": "me:secret",
}
"""Options that make mitmproxy's own addons act on the flows below."""
ACTING = (
    "anticache.AntiCache anticomp.AntiComp blocklist.BlockList maplocal.MapLocal mapremote.MapRemote "
    "modifybody.ModifyBody modifyheaders.ModifyHeaders proxyauth.ProxyAuth proxyserver.Proxyserver "
    "stickyauth.StickyAuth stickycookie.StickyCookie upstream_auth.UpstreamAuth"
).split()
CHOSEN = ((), *((name, other) for name, other in itertools.pairwise((*SET, *SET))), (), tuple(SET), ())
"""Which are set, one after another."""


def met(path: str) -> http.HTTPFlow:
    """A flow that every one of these options says something to."""
    flow = tflow.tflow(resp=True)
    flow.id = "flow"
    flow.request.path = path
    flow.request.headers.update({"if-none-match": "x", "accept-encoding": "gzip", "authorization": "me"})
    flow.response.headers["set-cookie"] = "a=b; path=/"
    return flow


async def lead(addons: AddonManager, path: str) -> list[object]:
    """What a flow has become after each of its events."""
    flow, states = met(path), []
    response, flow.response = flow.response, None
    for made in (HttpRequestHeadersHook, HttpRequestHook, HttpResponseHeadersHook, HttpResponseHook):
        if made is HttpResponseHeadersHook:
            flow.response = flow.response or response
        await addons.handle_lifecycle(made(flow))
        answer = flow.response and (flow.response.status_code, flow.response.headers.fields, flow.response.content)
        states.append((flow.request.get_state(), answer, dict(flow.metadata), flow.error))
    return states


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of mitmproxy's own imports
def test_options_act_as_ever():
    """Whatever options are set and unset while flows go by: each flow becomes what it becomes without us."""
    from mitmproxy.test import taddons

    from isartor_addon.proxy.gate import is_idle

    made = [pkgutil.resolve_name(f"mitmproxy.addons.{name.replace('.', ':')}") for name in ACTING]

    async def run(*, table: bool) -> list[object]:
        with taddons.context(*[each() for each in made]) as context:
            addons, states = context.master.addons, []
            quick = HookTable(addons, lambda: True, is_idle)
            assert not table or quick.install()
            for names in CHOSEN:
                unset = {name: None if isinstance(value, str) else type(value)() for name, value in SET.items()}
                context.options.update(**{**unset, **{name: SET[name] for name in names}})
                quick.forget()
                for path in ("/path", "/blocked"):
                    states += await lead(addons, path)
            return states

    stock = asyncio.run(run(table=False))
    assert len({repr(each) for each in stock}) > 2 * len(SET)
    assert stock == asyncio.run(run(table=True))
