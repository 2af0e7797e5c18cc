"""Identity as a value: the key under which an answer is filed, and the reason when it must not be.

Exact key = hash(caller, what is asked). What is asked = the provider's address, the operation, the headers that select
behaviour, and everything in the body but what the client's table names as volatile (`core/canonical.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from isartor_addon.core.bookkeeping import machine_made
from isartor_addon.core.canonical import canonical, written
from isartor_addon.core.client import Client
from isartor_addon.core.prompt import Json

if TYPE_CHECKING:
    from isartor_addon.core.exchange import Request
    from isartor_addon.wire.base import Route

ANYONE = "anyone"
"""The caller of recordings that belong to nobody: cassettes, and what was imported from one."""
TOO_DEEP = "the body is nested too deeply"
_NOT_ASKED = frozenset({"key", "api_key", "api-key", "alt", "$alt", "access_token"})
"""Query parameters that say who asks or how the answer is delivered."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a request asks, and for whom."""

    key: str
    """The exact key: 64 hex digits. Its first 16 are the short key that people see."""
    content: str
    """The same without the caller: 64 hex digits."""
    canonical: bytes = field(default=b"", repr=False)
    """What was hashed; see `core/fingerprint.py`."""
    run_ids: Mapping[str, str] = field(default_factory=dict)
    """The run's own ids, by name: those that a program has made, which are sought in texts."""
    session: str = ""
    """The client's session, empty where it declares none."""
    uncacheable: str = ""
    """Why no answer to this may be stored or served; empty when it may."""

    @property
    def short(self) -> str:
        """The key as people see it."""
        return self.key[:16]


def identify(
    *,
    request: Request,
    route: Route,
    body: Mapping[str, Json],
    client: Client,
    caller: str,
    run_ids: Mapping[str, str],
) -> Identity:
    """
    Find out what a request asks.

    Args:
        request: the request line and headers.
        route: what the request line says.
        body: the decoded body.
        client: the tool that sends it.
        caller: who the provider bills; see `core/caller.py`.
        run_ids: ids the run declares, by name; see `clients/__init__.py`.
    """
    wire = route.wire
    found = canonical(body, wire.shape, client.volatile)
    headers = request.headers
    # What a person may have named says something: another name in the same words is another question.
    sought = {name: value for name, value in run_ids.items() if machine_made(value)}
    asked = {
        "target": {
            "host": request.host,
            "port": request.port,
            "wire": wire.name,
            "operation": route.operation,
            "path": route.target,
            "query": {name: value for name, value in request.query.items() if name not in _NOT_ASKED},
        },
        "headers": {name: headers[name] for name in wire.headers if name in headers},
        "body": found.body,
    }
    try:
        data = written(asked, sought)
    except TypeError:
        content = digest(TOO_DEEP.encode())
        return Identity(key_for(caller, content), content, uncacheable=TOO_DEEP)
    content = digest(data)
    return Identity(
        key=key_for(caller, content),
        content=content,
        canonical=data,
        run_ids={**sought, **found.call_ids},
        session=run_ids.get("session", ""),
        uncacheable=_errand(client, body) or wire.uncacheable(route, body),
    )


def _errand(client: Client, body: Mapping[str, Json]) -> str:
    for errand in client.errands:
        if errand.uncacheable and errand.fits(body):
            return errand.uncacheable
    return ""


def digest(*parts: bytes) -> str:
    """Hash `parts`, each with its length, to 64 hex digits."""
    state = sha256()
    for part in parts:
        state.update(len(part).to_bytes(8))
        state.update(part)
    return state.hexdigest()


def key_for(caller: str, content: str) -> str:
    """File `content` under `caller`."""
    return digest(caller.encode(), content.encode())
