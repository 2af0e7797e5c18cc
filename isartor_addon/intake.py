"""The edge's first step: from a request line, headers and a body to an Exchange. Pure; shared by all doors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import orjson

from isartor_addon import clients
from isartor_addon.config.schema import Config
from isartor_addon.core.caller import caller
from isartor_addon.core.client import Client
from isartor_addon.core.errors import BadControl, ClientMistake
from isartor_addon.core.exchange import CacheUse, Control, Exchange, Request
from isartor_addon.core.identity import ANYONE, identify
from isartor_addon.wire.base import Route

CONTROL_HEADERS = ("x-isartor-cache", "x-isartor-ttl", "x-isartor-ticket", "x-isartor-feedback", "x-isartor-key")
"""Request headers for us, which never reach a provider; also `cache-control`, where it says something to us."""
_USES: Mapping[str, CacheUse] = {use: use for use in get_args(CacheUse)}
_NO_CACHE = re.compile(r"\bno-cache\b", re.I)
_KEY = re.compile(r"[0-9a-f]{6,64}")
_TTL_DIGITS = 10
"""300 years; beyond, clocks overflow."""
_LONGEST_PROJECT = 100
_NO_STORE = re.compile(r"\bno-store\b", re.I)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who is at the other end of the connection."""

    trusted: bool
    """Whether it is on this machine, so that an account it declares counts."""
    user: str = ""
    """The user it authenticated as at the proxy itself."""


def read_control(headers: Mapping[str, str]) -> Control:
    """
    What the caller wishes for this request.

    Raises:
        BadControl: a header holds none of its values.
    """
    wish = headers.get("x-isartor-cache", "").strip().lower()
    if wish and wish not in _USES:
        raise BadControl(f"isartor: x-isartor-cache is {wish!r}; it can be {', '.join(_USES)}")
    ttl = headers.get("x-isartor-ttl", "").strip()
    if ttl and not (ttl.isascii() and ttl.isdigit() and len(ttl) <= _TTL_DIGITS):
        raise BadControl(f"isartor: x-isartor-ttl is {ttl[:40]!r}; it is a number of seconds")
    wrong = _read_feedback(headers)
    said = headers.get("cache-control", "")
    no_store = _NO_STORE.search(said) is not None
    use = _USES[wish] if wish else "bypass" if no_store else "refresh" if _NO_CACHE.search(said) else "use"
    return Control(cache=use, store=use != "bypass" and not no_store, ttl_s=int(ttl) if ttl else None, wrong=wrong)


def _read_feedback(headers: Mapping[str, str]) -> str | None:
    said = headers.get("x-isartor-feedback", "").lower().split()
    if not said:
        return None
    key = said[1] if len(said) > 1 else headers.get("x-isartor-key", "").strip().lower()
    if said[0] != "wrong" or len(said) > 2 or (key and not _KEY.fullmatch(key)):
        raise BadControl("isartor: x-isartor-feedback can be `wrong` or `wrong KEY`; a key has 6 to 64 hex digits")
    return key


def read_body(routes: Sequence[Route], raw: bytes) -> tuple[Mapping[str, Any], Route]:
    """
    Decode a request body, and find the one of several routes that it is for.

    Raises:
        ClientMistake: it is not a JSON object, or not one of these wires.
    """
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ClientMistake(f"the body is not JSON: {error}") from error
    if isinstance(body, dict):
        for route in routes:
            if route.wire.claims(body):
                return body, route
    raise ClientMistake(f"the body is not a request of {routes[0].wire.name}")


class Intake:
    """Builds exchanges. Holds what does not change from one to the next."""

    def __init__(self, config: Config, secret: bytes) -> None:
        self._config = config
        self._secret = secret

    def read(
        self, request: Request, route: Route, body: Mapping[str, Any], *, id: str, started: float, sender: Sender
    ) -> Exchange:
        """
        Put together what there is to know of a request.

        Args:
            route: what the request line and the body say; see `read_body`.
            body: decoded.
            id: of the flow.
            started: Unix time, seconds.

        Raises:
            BadControl: a control header holds none of its values.
        """
        client = clients.recognise(request.headers)
        run_ids = clients.run_ids(client, request.headers, body)
        who = self._caller(request, client, body, sender)
        identity = identify(request=request, route=route, body=body, client=client, caller=who, run_ids=run_ids)
        return Exchange(
            id=id,
            request=request,
            route=route,
            body=body,
            mode=route.wire.mode(route, body),
            client=client,
            caller=who,
            identity=identity,
            control=read_control(request.headers),
            model=route.wire.model(route, body),
            started=started,
            project=self._project(request),
        )

    def _project(self, request: Request) -> str:
        name = self._config.project_header.lower()
        said = request.headers.get(name, "").strip() if name else ""
        return said[:_LONGEST_PROJECT] if said.isprintable() else ""

    def _caller(self, request: Request, client: Client, body: Mapping[str, Any], sender: Sender) -> str:
        if self._config.cassette:
            return ANYONE
        tenant = request.headers.get(self._config.tenant_header.lower(), "") if self._config.tenant_header else ""
        if self._config.cache.shared:
            return caller({}, {}, secret=self._secret, trusted=False, account="", tenant=tenant, user="")
        return caller(
            request.headers,
            request.query,
            secret=self._secret,
            trusted=sender.trusted,
            account=clients.account(client, request.headers, body),
            tenant=tenant,
            user=sender.user,
        )
