"""What a repr shows may stand in a log, a traceback or somebody's bug report: no credential, nothing that was said."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from isartor_addon import wire
from isartor_addon.cli.exports import Target
from isartor_addon.config.schema import Config, Egress
from isartor_addon.core.exchange import Request
from isartor_addon.intake import Intake, Sender
from isartor_addon.layers.cloud.client import Terms
from isartor_addon.layers.cloud.keys import Key
from isartor_addon.models.remote_embedder import Server
from isartor_addon.store.running import Running

SECRET = "tell-nobody-0123456789"


def test_an_exchange_shows_neither_credentials_nor_words() -> None:
    """Whatever is found out about a request: its headers, query and body stay out of sight."""
    query = {"key": SECRET}
    headers = {"authorization": f"Bearer {SECRET}", "user-agent": "tool/1.0"}
    request = Request(
        "POST", "https", "api.openai.com", 443, "/v1/chat/completions", query, headers, query_string=f"key={SECRET}"
    )
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": f"My word is {SECRET}."}]}
    (route,) = wire.find("POST", "api.openai.com", "/v1/chat/completions", query)
    exchange = Intake(Config(), b"x" * 32).read(request, route, body, id="f1", started=0.0, sender=Sender(trusted=True))
    exchange.raw = orjson.dumps(body)
    assert SECRET in exchange.in_scope().words
    assert SECRET not in repr(exchange)
    assert "api.openai.com" in repr(exchange)


@pytest.mark.parametrize(
    "value",
    [
        Config(token=SECRET, egress=Egress(proxy_login=f"me:{SECRET}")),
        Terms(proxy_login=f"me:{SECRET}"),
        Server("tei", "http://127.0.0.1", "m", key=SECRET, proxy_login=f"me:{SECRET}"),
        Key("env:X", SECRET),
        Target("127.0.0.1:8080", Path("ca.pem"), Path("all.pem"), SECRET),
        Running(1, 0.0, "0", (), "127.0.0.1:8080", token=SECRET, web=f"http://127.0.0.1:8081/?token={SECRET}"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_holds_a_secret_does_not_show_it(value: object) -> None:
    """Tokens, keys and logins are held, and not shown."""
    assert SECRET not in repr(value)
