"""For mitmproxy: every outgoing connection goes to the fake internet instead, at the level of TCP, so that nothing of a
request changes. Loaded after the addon under test.
"""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Redirect:
    def load(self, loader: Loader) -> None:
        loader.add_option("fake_plain", int, 0, "the fake internet's plain port")
        loader.add_option("fake_tls", int, 0, "the fake internet's TLS port")
        loader.add_option("fake_refused", str, "", "pattern of hosts whose connections are refused")
        loader.add_option("fake_ready", str, "", "file that is written when the proxy listens")

    def running(self) -> None:
        logging.getLogger("asyncio").setLevel(logging.WARNING)
        servers = ctx.master.addons.get("proxyserver")
        assert isinstance(servers, Proxyserver)
        ports = {server.mode.full_spec: server.listen_addrs[0][1] for server in servers.servers}
        ready = Path(ctx.options.fake_ready)
        draft = ready.with_suffix(".draft")
        draft.write_text(json.dumps(ports))
        draft.rename(ready)

    def server_connect(self, data: ServerConnectionHookData) -> None:
        assert data.server.address is not None
        host, port, *_ = data.server.address
        if host in LOOPBACK:
            return
        if ctx.options.fake_refused and re.fullmatch(ctx.options.fake_refused, host):
            data.server.error = "refused by the test"
            return
        if data.server.sni is None:
            data.server.sni = host
        data.server.address = ("127.0.0.1", ctx.options.fake_tls if port == 443 else ctx.options.fake_plain)


addons = [Redirect()]
