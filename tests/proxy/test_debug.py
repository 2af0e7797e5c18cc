"""Who may see how providers fare."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mitmproxy.test import tflow, tutils

from isartor_addon import assemble
from isartor_addon.config.schema import Config
from isartor_addon.proxy import debug


@pytest.mark.parametrize(
    ("peer", "user", "status"),
    [("127.0.0.1", "", 200), ("::1", "", 200), ("192.168.0.7", "", 403), ("192.168.0.7", "isartor", 200)],
)
def test_only_this_machine_or_who_shows_the_token(tmp_path: Path, peer: str, user: str, status: int) -> None:
    """Another machine gets the document only where it has shown the proxy's token."""
    house = assemble.build(Config(home=str(tmp_path)))
    flow = tflow.tflow(req=tutils.treq(method=b"GET", path=b"/debug/providers"))
    flow.client_conn.peername = (peer, 50_000)
    if user:
        flow.metadata["proxyauth"] = (user, "token")
    answer = debug.answer(flow, house)
    house.close()
    assert status == answer.status_code
    document = json.loads(answer.content or b"")
    assert ("providers" in document) == (status == 200)


@pytest.mark.parametrize(
    ("method", "path", "ours"),
    [
        ("GET", "/debug/providers", True),
        ("GET", "/debug/providers?a", True),
        ("POST", "/debug/providers", False),
        ("GET", "/debug/providers/x", False),
    ],
)
def test_one_path_is_ours(method: str, path: str, ours: bool) -> None:
    """Only a GET of this path is answered so."""
    assert ours == debug.is_for_us(tutils.treq(method=method.encode(), path=path.encode()))
