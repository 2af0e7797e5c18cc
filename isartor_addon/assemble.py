"""The composition root: settings in, the whole house out. The only place that picks stores and layers."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from isartor_addon import clients
from isartor_addon.accounts import Accounts, open_accounts
from isartor_addon.config.load import VAULT_VARIABLE
from isartor_addon.config.places import absolute, places
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import KeyUnknown, StoreError
from isartor_addon.core.exchange import Exchange, Request
from isartor_addon.core.reach import Reach
from isartor_addon.intake import CONTROL_HEADERS, Intake
from isartor_addon.layers.base import Layer
from isartor_addon.layers.cloud.attempt import Asker
from isartor_addon.layers.cloud.client import Address, Client, Terms
from isartor_addon.layers.cloud.configured import Cloud, cloud_of
from isartor_addon.layers.cloud.layer import CloudLayer
from isartor_addon.layers.cloud.quota_layer import QuotaLayer
from isartor_addon.layers.cloud.report import report
from isartor_addon.layers.cloud.tokens import Tokens
from isartor_addon.layers.delivery import Delivery
from isartor_addon.layers.exact.layer import ExactLayer, Lifetimes
from isartor_addon.layers.ports import Clock, Embedder
from isartor_addon.layers.semantic.correction import Corrections
from isartor_addon.models.chosen import open_embedder
from isartor_addon.observe.journal import Journal
from isartor_addon.observe.log import set_up
from isartor_addon.pipeline import Pipeline
from isartor_addon.semantics import Semantics, open_evidence
from isartor_addon.store import key_command
from isartor_addon.store.answers import AnswerStore
from isartor_addon.store.cassette import Cassette
from isartor_addon.store.leases import FileLeases
from isartor_addon.store.ledger import Ledger
from isartor_addon.store.secret import load_secret
from isartor_addon.store.vault import Vault
from isartor_addon.wire.hosts import HostTable

logger = logging.getLogger(__name__)

type Store = AnswerStore | Cassette

MIB = 1024 * 1024


class SystemClock:
    """The machine's own time."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)  # last: it hides the module of that name


@dataclass(frozen=True, slots=True)
class House:
    """Everything that serves requests."""

    config: Config
    clock: Clock
    hosts: HostTable
    intake: Intake
    pipeline: Pipeline
    store: Store
    journal: Journal
    leases: FileLeases | None
    cloud: Cloud
    """The providers of chains, and how they fare."""
    reach: Reach
    accounts: Accounts
    client: Client
    """Asks the providers of chains."""
    semantics: Semantics | None
    corrections: Corrections

    def may_be_relayed(self, request: Request) -> bool:
        """Whether some request that such an upgrade leads to may go to others than its own provider."""
        return self.cloud.chains.may_concern(request.host, clients.recognise(request.headers).name)

    @property
    def replaying(self) -> bool:
        """Whether nothing may be asked of a provider."""
        return bool(self.config.cassette) and self.config.cassette_mode == "replay"

    def report_providers(self) -> dict[str, Any]:
        """How providers fare in this process; see `layers.cloud.report`."""
        return {"pid": os.getpid(), **report(self.cloud, self.clock.monotonic())}

    def close(self) -> None:
        """Finish what is being written, and let what is being asked end."""
        self.client.close()
        self.journal.close()
        if self.semantics is not None:
            self.semantics.close()
        self.accounts.close()
        self.store.close()
        if self.leases is not None:
            self.leases.close()

    def correct(self, exchange: Exchange) -> None:
        """Do as a person says in `exchange` of an earlier answer; waits for the disk."""
        control, own = exchange.control, exchange.identity.key
        about_own = own.startswith(control.wrong or "")
        try:
            removed = self.corrections.wrong(own if about_own else control.wrong or "", caller=exchange.caller)
            exchange.note(ExactLayer.tag, "wrong", f"removed {', '.join(key[:16] for key in removed) or 'nothing'}")
        except StoreError as error:
            exchange.note(ExactLayer.tag, "fault", str(error))
        fresh = about_own and control.cache in ("use", "exact")
        exchange.control = replace(control, wrong=None, cache="refresh" if fresh else control.cache)


def _nobody(_: Address) -> bool:
    return False


def build(config: Config, *, is_own: Callable[[Address], bool] = _nobody) -> House:
    """
    Put the parts together.

    Args:
        config: the settings.
        is_own: whether an address of this machine is one at which this proxy listens.

    Raises:
        ConfigError: the cassette cannot be used, a chain cannot be asked, or a price or a quota makes no sense.
    """
    set_up(config.log_level)
    clock = SystemClock()
    reach = reach_of(config)
    client = Client(terms_of(config), reach, is_own=is_own)
    cloud = open_cloud(config)
    embedder = _embedder(config, clock)
    accounts = open_accounts(config, clock)
    store = open_store(config, clock)
    leases = None if isinstance(store, Cassette) else FileLeases(places(config).cache / "leases")
    delivery = Delivery(clock, pace=config.cache.replay_pace)
    semantics = None
    if embedder is not None and isinstance(store, AnswerStore):
        semantics = Semantics(config, store, embedder, clock, delivery)
    layers = [
        *_exact_layer(config, store, clock, delivery, leases),
        *([semantics.layer] if semantics is not None else ()),
        _cloud_layer(config, cloud, clock, client, reach, accounts),
    ]
    return House(
        config=config,
        clock=clock,
        hosts=HostTable(config.hosts),
        intake=Intake(config, _secret(config)),
        pipeline=Pipeline([*layers, *_quota_layers(accounts, clock)], clock),
        store=store,
        journal=open_journal(config),
        leases=leases,
        cloud=cloud,
        reach=reach,
        client=client,
        semantics=semantics,
        corrections=Corrections(store, semantics.evidence if semantics is not None else None, clock),
        accounts=accounts,
    )


def open_cloud(config: Config) -> Cloud:
    """
    What `config` says of providers, with their keys. A key that is missing is left out, with a word in the log.

    Raises:
        ConfigError: a provider, a chain or an alias is wrong.
    """
    vault = open_vault(config)
    return cloud_of(config, lambda source: _secret_of(source, vault), key_command.split)


def tokens_of(config: Config, monotonic: Callable[[], float]) -> Tokens:
    """What fills in keys that commands print. Offline none is run: nobody knows what it would connect to."""

    async def run(command: Sequence[str]) -> str:
        if config.offline:
            raise KeyUnknown(f"offline: the command {command[0]} is not run")
        return await asyncio.to_thread(key_command.run, command)

    return Tokens(run, monotonic)


def open_vault(config: Config) -> Vault:
    """The credentials of this home directory."""
    return Vault(places(config).home, passphrase=os.environ.get(VAULT_VARIABLE, ""))


def _secret_of(source: str, vault: Vault) -> str | None:
    kind, _, name = source.partition(":")
    try:
        secret = (os.environ.get(name) if kind == "env" else vault.get(name)) or ""
    except StoreError as error:
        logger.warning("%s; the key %s is left out", error, source)
        return None
    secret = secret.strip()
    if not secret:
        logger.warning("the key %s is not there, and is left out", source)
    elif not (secret.isascii() and secret.isprintable()):
        logger.warning("the key %s holds what no header can, and is left out", source)
        return None
    return secret


def reach_of(config: Config) -> Reach:
    """Where connections may lead."""
    return Reach(offline=config.offline, hosts=config.offline_hosts)


def terms_of(config: Config) -> Terms:
    """How providers are reached."""
    egress = config.egress
    return Terms(
        connect_s=egress.connect_s,
        silence_s=egress.silence_s,
        connections=egress.connections,
        http2=egress.http2,
        proxy=egress.proxy,
        proxy_login=egress.proxy_login,
        ca_file=str(absolute(egress.ca_file)) if egress.ca_file else "",
    )


def _cloud_layer(
    config: Config, cloud: Cloud, clock: Clock, client: Client, reach: Reach, accounts: Accounts
) -> CloudLayer:
    private = frozenset(name.lower() for name in (*CONTROL_HEADERS, *config.own_headers))
    tokens = tokens_of(config, clock.monotonic)
    asker = Asker(
        client,
        tokens,
        private=private,
        unix_time=clock.time,
        account=accounts.enter_attempt,
        limit=config.body_limit_mb * MIB,
    )
    return CloudLayer(
        cloud.chains, cloud.state, asker, reach=reach, clock=clock, random=random.random, quotas=accounts.quotas
    )


def _secret(config: Config) -> bytes:
    """What callers are hashed with. One that cannot be kept serves until this process ends."""
    try:
        return load_secret(places(config).secret)
    except StoreError as error:
        logger.warning("%s; answers stored from now on are found until this proxy stops", error)
        return secrets.token_bytes(32)


def _exact_layer(
    config: Config, store: Store, clock: Clock, delivery: Delivery, leases: FileLeases | None
) -> list[Layer]:
    cache = config.cache
    if not cache.enabled and not config.cassette:
        return []
    return [
        ExactLayer(
            store,
            clock=clock,
            lifetimes=Lifetimes(cache.ttl_s, cache.ttl_by_model, cache.ttl_by_host),
            again=cache.again,
            delivery=delivery,
            single_flight=cache.single_flight,
            replay_only=bool(config.cassette) and config.cassette_mode == "replay",
            leases=leases,
            stale_s=cache.stale_if_error_s,
        )
    ]


def _embedder(config: Config, clock: Clock) -> Embedder | None:
    """
    What the semantic layer compares by; None where it is off. A cassette answers its own words only.

    Raises:
        ConfigError: it is a server, and cannot be asked.
    """
    if config.cassette or not (config.cache.enabled and config.semantic.enabled):
        return None
    source = config.embedder.key
    key = _secret_of(source, open_vault(config)) if source and config.embedder.backend != "onnx" else None
    return open_embedder(config, clock, key=key or "")


def _quota_layers(accounts: Accounts, clock: Clock) -> list[Layer]:
    return [QuotaLayer(accounts.quotas, clock)] if accounts.quotas.quotas else []


def open_store(config: Config, clock: Clock) -> Store:
    """
    The store that `config` names: a cassette if there is one, else the cache.

    Raises:
        ConfigError: the cassette cannot be used.
    """
    if config.cassette:
        mode = cast("Literal['record', 'replay']", config.cassette_mode)
        return Cassette(absolute(config.cassette), mode=mode, clock=clock)
    cache = config.cache
    return AnswerStore(
        places(config).cache, size_bytes=cache.size_mb * MIB, memory_bytes=cache.memory_mb * MIB, clock=clock
    )


@contextmanager
def open_shelf(config: Config) -> Iterator[Store]:
    """The store for a command, closed afterwards."""
    store = open_store(config, SystemClock())
    try:
        yield store
    finally:
        store.close()


@contextmanager
def open_corrections(config: Config) -> Iterator[Corrections]:
    """
    What takes answers back, for a command.

    Raises:
        ConfigError: the cassette cannot be used.
    """
    with open_shelf(config) as shelf, closing(open_evidence(config)) as evidence:
        yield Corrections(shelf, None if config.cassette else evidence, SystemClock())


@contextmanager
def open_ledger(config: Config) -> Iterator[Ledger]:
    """What was used and spared, for a command."""
    accounts = open_accounts(config, SystemClock())
    try:
        yield accounts.ledger
    finally:
        accounts.close()


def open_journal(config: Config) -> Journal:
    """What happened lately."""
    return Journal(places(config).journal)
