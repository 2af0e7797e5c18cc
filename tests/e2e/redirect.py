"""For mitmproxy: every outgoing connection goes to the fake internet instead, as if name servers said so. Nothing of a
request or a flow changes. Loaded after the addon under test.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import re
from pathlib import Path
from typing import Any

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.addons.proxyserver import Proxyserver

from isartor_addon.layers.cloud import dial

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Redirect:
    def load(self, loader: Loader) -> None:
        loader.add_option("fake_plain", int, 0, "the fake internet's plain port")
        loader.add_option("fake_tls", int, 0, "the fake internet's TLS port")
        loader.add_option("fake_refused", str, "", "pattern of hosts whose connections are refused")
        loader.add_option("fake_ready", str, "", "file that is written when the proxy listens")
        # mitmproxy finds its way by this function only. A hook could change the address too, but then mitmproxy would
        # not know the connection again for the next request, and it opens no more than five.
        asyncio.open_connection = functools.partial(_open, asyncio.open_connection)
        # And the client of the chain by this.
        dial.connected = functools.partial(_connected, dial.connected)

    def running(self) -> None:
        logging.getLogger("asyncio").setLevel(logging.WARNING)
        servers = ctx.master.addons.get("proxyserver")
        assert isinstance(servers, Proxyserver)
        ports = {server.mode.full_spec: server.listen_addrs[0][1] for server in servers.servers}
        ready = Path(ctx.options.fake_ready)
        draft = ready.with_suffix(".draft")
        draft.write_text(json.dumps(ports))
        draft.rename(ready)


async def _open(really: Any, *where: Any, **how: Any) -> Any:
    if not where or where[0] in LOOPBACK:
        return await really(*where, **how)
    return await really(*_elsewhere(*where), **how)


async def _connected(really: Any, host: str, port: int) -> Any:
    return await really(*((host, port) if host in LOOPBACK else _elsewhere(host, port)))


def _elsewhere(host: str, port: int) -> tuple[str, int]:
    if ctx.options.fake_refused and re.fullmatch(ctx.options.fake_refused, host):
        raise ConnectionRefusedError(f"the test refuses connections to {host}")
    return "127.0.0.1", ctx.options.fake_tls if port == 443 else ctx.options.fake_plain


addons = [Redirect()]
