"""Asking a provider for its models: whether it is there, and whether it takes a key. It costs nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from isartor_addon.core.errors import IsartorError
from isartor_addon.layers.cloud.failures import failure_of
from isartor_addon.layers.cloud.keys import Key
from isartor_addon.layers.cloud.provider import Provider, auth_headers, list_target

type Get = Callable[[str, Mapping[str, str]], Awaitable[tuple[int, bytes]]]
"""GETs a URL with headers and gives status and body, following no redirect. Raises an IsartorError where it cannot."""


@dataclass(frozen=True, slots=True)
class Pinged:
    """What came of it."""

    provider: str
    key: str
    """Its name; empty: none was shown."""
    well: bool
    said: str
    """For people."""


async def ping(provider: Provider, key: Key | None, get: Get) -> Pinged:
    """
    Ask once, with `key` if it is one of ours.

    The key goes to the provider's own address only (`auth_headers`); a provider whose key is the client's is asked
    without one.
    """
    shown = key if key is not None and key.secret else None
    name = shown.name if shown else ""
    url = list_target(provider)
    try:
        headers = {**provider.headers, **auth_headers(provider, shown.secret if shown else "", url=url)}
        status, body = await get(url, headers)
    except IsartorError as error:
        return Pinged(provider.name, name, False, str(error))
    if status < 300:
        return Pinged(provider.name, name, True, "takes the key" if shown else "is there")
    failure = failure_of(status, {}, body, unix_time=0.0)
    if status in (404, 405):
        return Pinged(provider.name, name, True, f"is there, but lists no models ({status})")
    if status in (401, 403):
        said = "refuses the key" if shown else "is there, and wants a key"
        return Pinged(provider.name, name, not shown, f"{said} ({status})")
    return Pinged(provider.name, name, False, f"{status} {failure.detail}".rstrip())
