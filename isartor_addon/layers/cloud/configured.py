"""The settings about providers and chains, checked against the catalogue and each other."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import cast, get_args
from urllib.parse import urlsplit

from isartor_addon.config.schema import ChainTable, Config, ProviderTable
from isartor_addon.core.errors import ConfigError
from isartor_addon.layers.cloud.catalog import CATALOG
from isartor_addon.layers.cloud.health import State
from isartor_addon.layers.cloud.keys import CLIENT, Key, Pool, Strategy
from isartor_addon.layers.cloud.plan import Chains, Entry, Pace, Rule
from isartor_addon.layers.cloud.provider import ALL, PATHS, Auth, Feature, Provider, is_local, may_see_key

_GAP = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Cloud:
    """What is configured about providers, and how they fare in this process."""

    chains: Chains
    providers: Mapping[str, Provider]
    """Those that a request may come to: named by a chain or by `[[providers]]`."""
    state: State


def cloud_of(
    config: Config,
    secret_of: Callable[[str], str | None],
    words_of: Callable[[str], tuple[str, ...]] = lambda words: tuple(words.split()),
) -> Cloud:
    """
    All of it.

    Args:
        secret_of: see `pools_of`.
        words_of: see `pools_of`.

    Raises:
        ConfigError: see `chains_of` and `providers_of`.
    """
    chains = chains_of(config)
    providers = providers_of(config.providers)
    named = {table.name: providers[table.name] for table in config.providers}
    for rule in chains.rules:
        named |= {entry.provider.name: entry.provider for entry in rule.entries if entry.provider}
    return Cloud(chains, named, State(pools_of(config.providers, secret_of, words_of)))


def chains_of(config: Config) -> Chains:
    """
    Where requests go.

    Raises:
        ConfigError: a chain or an alias names what is not there, or what cannot be asked.
    """
    providers = providers_of(config.providers)
    keys = {table.name: table.key for table in config.providers}
    rules = [_rule(f"chain[{number}]", table, providers, keys) for number, table in enumerate(config.chain)]
    return Chains(tuple(rules), _aliases(config.model_aliases))


def providers_of(tables: Iterable[ProviderTable]) -> dict[str, Provider]:
    """
    The providers of the catalogue, as the settings change them, and the user's own.

    Raises:
        ConfigError: a provider is named twice, or lacks what it needs.
    """
    providers = dict(CATALOG)
    own: set[str] = set()
    for number, table in enumerate(tables):
        at = f"providers[{number}]"
        if table.name in own:
            raise ConfigError(
                f"`{at}.name` is `{table.name}`, which an earlier table has: give several keys as a list."
            )
        own.add(table.name)
        providers[table.name] = _provider(at, table)
    return providers


def pools_of(
    tables: Iterable[ProviderTable],
    secret_of: Callable[[str], str | None],
    words_of: Callable[[str], tuple[str, ...]] = lambda words: tuple(words.split()),
) -> dict[str, Pool]:
    """
    The keys of each provider that has some.

    Args:
        secret_of: reads a source (`vault:NAME`, `env:VARIABLE`). None: there is nothing, so that key is left out; a
            provider all of whose keys are missing is not asked.
        words_of: takes a command line apart (`command:WORDS`), which is run when its key is needed.
    """
    pools: dict[str, Pool] = {}
    for table in tables:
        keys = [_key(source, table, secret_of, words_of) for source in table.key]
        if keys:
            usable = tuple(key for key in keys if key.secret or key.is_clients or key.command)
            pools[table.name] = Pool(usable, cast("Strategy", table.key_order))
    return pools


def _key(
    source: str,
    table: ProviderTable,
    secret_of: Callable[[str], str | None],
    words_of: Callable[[str], tuple[str, ...]],
) -> Key:
    if source == CLIENT:
        return Key(source, "")
    kind, _, line = source.partition(":")
    if kind == "command":
        words = words_of(line)
        return Key(f"command:{words[0]}", "", words, table.key_ttl_s)
    return Key(source, secret_of(source) or "")


def _provider(at: str, table: ProviderTable) -> Provider:
    known = CATALOG.get(table.name)
    if known is None and not table.base_url:
        near = difflib.get_close_matches(table.name, CATALOG, n=1, cutoff=0.6)
        hint = f" (do you mean `{near[0]}`?)" if near else ""
        raise ConfigError(
            f"`{at}.name` is `{table.name}`, which the catalogue does not know{hint}: it needs `base_url`."
        )
    base = known or Provider(table.name, table.base_url, "openai_chat")
    wire = table.wire or base.wire
    said = table.base_url.rstrip("/").removesuffix(PATHS[wire])  # some write the whole address
    url = _filled(at, said or base.base_url, table.parameters)
    if not url:
        raise ConfigError(f"`{at}.base_url` is missing: `{table.name}` has no address of its own.")
    host = urlsplit(url).hostname or ""
    hosts = tuple(_filled(at, each, table.parameters) for each in base.hosts)
    if hosts and not may_see_key(replace(base, hosts=hosts), host):
        raise ConfigError(
            f"`{at}.base_url` is `{url}`, but keys of `{table.name}` go to {' and '.join(hosts)} only: "
            "give the provider a name of your own."
        )
    unknown = set(table.takes) - ALL
    if unknown:
        raise ConfigError(f"`{at}.takes` holds `{min(unknown)}`: it may hold {', '.join(sorted(ALL))}.")
    auth = table.auth or ("bearer" if table.key and base.auth == "none" else base.auth)
    return Provider(
        table.name,
        url,
        wire,
        _auth(at, auth, table, host),
        hosts or (host,),
        table.model or base.default_model,
        table.models or base.models,
        cast("frozenset[Feature]", frozenset(table.takes)) or base.takes,
        {**base.headers, **{name.lower(): value for name, value in table.headers.items()}},
        base.paths,
    )


def _auth(at: str, auth: str, table: ProviderTable, host: str) -> Auth:
    if auth != "none" and not table.key:
        if is_local(host):
            return "none"
        raise ConfigError(
            f"`{at}.key` is missing: `{table.name}` wants `vault:NAME`, `env:VARIABLE` or `client`. If it wants none, "
            'say `auth = "none"`.'
        )
    if table.key and auth != "none" and urlsplit(table.base_url).scheme == "http" and not is_local(host):
        raise ConfigError(
            f"`{at}.base_url` is `{table.base_url}`, but a key is not sent over plain HTTP to another machine."
        )
    assert auth in get_args(Auth)
    return cast("Auth", auth)


def _filled(at: str, text: str, parameters: Mapping[str, str]) -> str:
    """Put the parameters into an address."""

    def value(gap: re.Match[str]) -> str:
        if gap[1] not in parameters:
            raise ConfigError(f'`{at}.parameters` lacks `{gap[1]}`, which `{text}` needs: `{{ {gap[1]} = "..." }}`.')
        return parameters[gap[1]]

    return _GAP.sub(value, text)


def _rule(at: str, table: ChainTable, providers: Mapping[str, Provider], keys: Mapping[str, tuple[str, ...]]) -> Rule:
    entries = tuple(_entry(f"`{at}.try`", said, providers, keys) for said in table.try_)
    pace = Pace(table.deadline_s, table.attempt_s, table.patience_s, table.retries, table.hedge_after)
    return Rule(table.for_, entries, pace, table.health_order)


def _entry(at: str, said: str, providers: Mapping[str, Provider], keys: Mapping[str, tuple[str, ...]]) -> Entry:
    name, _, model = said.partition("/")
    if name == CLIENT:
        return Entry(None, model)
    provider = providers.get(name)
    if provider is None:
        near = difflib.get_close_matches(name, [CLIENT, *providers], n=1, cutoff=0.6)
        hint = f"; the nearest is `{near[0]}`" if near else ""
        raise ConfigError(f"{at} names `{name}`, which is no provider{hint}.")
    if not provider.base_url:
        raise ConfigError(f"{at} names `{name}`, which has no address: say it in `[[providers]]`.")
    if provider.auth != "none" and not keys.get(name):
        raise ConfigError(f"{at} names `{name}`, but no `[[providers]]` says its key.")
    if not (model or provider.default_model or provider.models or provider.local):
        raise ConfigError(f"{at} names `{name}` without a model: write `{name}/MODEL`, or `model` in `[[providers]]`.")
    return Entry(provider, model, clients_key=keys.get(name) == (CLIENT,))


def _aliases(aliases: Mapping[str, str]) -> Mapping[str, str]:
    for alias in aliases:
        seen = [alias]
        while (meant := aliases.get(seen[-1])) is not None:
            if not meant:
                raise ConfigError(f"`model_aliases` gives `{seen[-1]}` no model.")
            if meant in seen:
                raise ConfigError(f"`model_aliases` goes in a circle: {' -> '.join([*seen, meant])}.")
            seen.append(meant)
    return dict(aliases)
