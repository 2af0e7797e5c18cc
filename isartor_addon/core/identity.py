"""Identity as a value: the key under which an answer is filed, and the reason when it must not be.

Exact key = hash(caller, what is asked). What is asked = the provider's address, the operation, the headers that select
behaviour, and everything in the body but what the client's table names as volatile (`core/canonical.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

import orjson

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
_PRINTS = 4000
"""A fingerprint opens no further when it has so many paths."""
_DEEPEST = 7
"""Nor below so many steps."""
_STEP = re.compile(r'\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\.?([^.\[\]]+)')
"""One step of a path: `[3]`, `["a.b"]` or `.name`."""
_SIMPLE = re.compile(r"[^.\[\]\"]+")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a request asks, and for whom."""

    key: str
    """The exact key: 64 hex digits. Its first 16 are the short key that people see."""
    content: str
    """The same without the caller: 64 hex digits."""
    canonical: bytes = field(default=b"", repr=False)
    """What was hashed; see `fingerprint`."""
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


def fingerprint(canonical: bytes) -> dict[str, str]:
    """
    A short digest of every field of a canonical request, by path: two requests can be compared without keeping them.

    Args:
        canonical: `Identity.canonical`: a JSON object with `target`, `headers` and `body`.

    Returns:
        Path (`body.messages[3].content[0].text`) to 16 hex digits. What lies deeper than a part's fields is one value.
    """
    prints: dict[str, str] = {}
    level: list[tuple[str, Json]] = [("", orjson.loads(canonical.replace(b"\x00", b"")))] if canonical else []
    depth = 0
    while level:
        inner: list[tuple[str, Json]] = []
        waiting = len(level)
        for path, value in level:
            waiting -= 1
            opens = value and depth < _DEEPEST and len(prints) + waiting + len(inner) < _PRINTS
            if opens and isinstance(value, list):
                inner += [(f"{path}[{number}]", each) for number, each in enumerate(value)]
            elif opens and isinstance(value, dict):
                inner += [(path + _step(name), each) for name, each in value.items()]
            else:
                said = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
                prints[path.removeprefix(".")] = sha256(said).hexdigest()[:16]
        level, depth = inner, depth + 1
    return prints


def _step(name: str) -> str:
    """One more name at the end of a path."""
    return f".{name}" if name.isidentifier() or _SIMPLE.fullmatch(name) else f"[{orjson.dumps(name).decode()}]"


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The paths at which two fingerprints differ. What only one of them has is named once, at its top."""
    tops_one, tops_other = _tops(one), _tops(other)
    found: set[str] = set()
    for path in one.keys() | other.keys():
        if one.get(path) != other.get(path):
            known = tops_other if path in one else tops_one
            found.add(path if path in one and path in other else _first_missing(path, known))
    return sorted(found, key=_order)


def _first_missing(path: str, known: set[str]) -> str:
    return next((top for top in _upto(path) if top not in known), path)


def _tops(prints: Mapping[str, str]) -> set[str]:
    return {top for path in prints for top in _upto(path)}


def _upto(path: str) -> list[str]:
    """The path's beginnings, shortest first, itself last."""
    return [path[: step.end()] for step in _STEP.finditer(path)]


def _order(path: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts `[10]` after `[9]`."""
    return tuple((1, step, "") if isinstance(step, int) else (0, 0, step) for step in steps(path))


def steps(path: str) -> tuple[str | int, ...]:
    """The names and numbers that a path of `fingerprint` is made of."""
    return tuple(
        int(number) if number else orjson.loads(f'"{quoted}"') if quoted else name
        for number, quoted, name in _STEP.findall(path)
    )
