"""Providers as commands see them: those that are known, those that are configured, and what they answer to a ping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from isartor_addon.assemble import open_cloud, reach_of, terms_of, tokens_of
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import KeyUnknown
from isartor_addon.layers.cloud.catalog import CATALOG
from isartor_addon.layers.cloud.client import Client
from isartor_addon.layers.cloud.keys import Key
from isartor_addon.layers.cloud.ping import Get, Pinged, ping
from isartor_addon.layers.cloud.provider import Provider
from isartor_addon.layers.cloud.report import report
from isartor_addon.layers.cloud.tokens import Tokens

PATIENCE_S = 10.0
"""How long a pinged provider may say nothing."""
LONGEST = 1 << 20
"""Bytes of an answer that are looked at."""


def known() -> list[dict[str, str]]:
    """The catalogue."""
    return [
        {"name": each.name, "wire": each.wire, "base_url": each.base_url, "model": each.default_model}
        for each in CATALOG.values()
    ]


def configured(config: Config) -> dict[str, Any]:
    """
    What `config` says, before anybody has been asked.

    Raises:
        ConfigError: a provider, a chain or an alias is wrong.
    """
    return report(open_cloud(config), time.monotonic())


async def ping_all(config: Config) -> Sequence[Pinged]:
    """
    Ask each configured provider for its models, once with each of its keys.

    Raises:
        ConfigError: see `configured`.
    """
    cloud = open_cloud(config)
    asked: list[tuple[Provider, Key | None]] = []
    for provider in cloud.providers.values():
        pool = cloud.state.pools.get(provider.name)
        asked += [(provider, held.key) for held in pool.held] if pool and pool.held else [(provider, None)]
    client = Client(replace(terms_of(config), connect_s=PATIENCE_S, silence_s=PATIENCE_S), reach_of(config))
    try:
        get, tokens = partial(_get, client), tokens_of(config, time.monotonic)
        return await asyncio.gather(*(_ping(provider, key, tokens, get) for provider, key in asked))
    finally:
        client.close()
        if client.closing is not None:
            await client.closing


async def _ping(provider: Provider, key: Key | None, tokens: Tokens, get: Get) -> Pinged:
    try:
        shown = await tokens.filled(key) if key is not None else None
    except KeyUnknown as error:
        return Pinged(provider.name, key.name if key else "", False, str(error))
    return await ping(provider, shown, get)


async def _get(client: Client, url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    content = bytearray()
    async with client.ask(url, headers, b"", method="GET") as received:
        async for chunk in received.chunks():
            content += chunk
            if len(content) > LONGEST:
                break
    return received.status, bytes(content)
