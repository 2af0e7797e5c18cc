"""The composition root: settings in, the whole house out. The only place that picks stores and layers."""

from __future__ import annotations

import logging
import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, cast

from isartor_addon.config.places import absolute, places
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import StoreError
from isartor_addon.core.reach import Reach
from isartor_addon.intake import CONTROL_HEADERS, Intake
from isartor_addon.layers.base import Layer
from isartor_addon.layers.cloud.attempt import Asker
from isartor_addon.layers.cloud.client import Address, Client, Terms
from isartor_addon.layers.cloud.configured import chains_of, pools_of
from isartor_addon.layers.cloud.health import State
from isartor_addon.layers.cloud.layer import CloudLayer
from isartor_addon.layers.delivery import Delivery
from isartor_addon.layers.exact.layer import ExactLayer, Lifetimes
from isartor_addon.layers.ports import Clock
from isartor_addon.observe.journal import Journal
from isartor_addon.observe.log import set_up
from isartor_addon.pipeline import Pipeline
from isartor_addon.store.answers import AnswerStore
from isartor_addon.store.cassette import Cassette
from isartor_addon.store.leases import FileLeases
from isartor_addon.store.secret import load_secret
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
    reach: Reach
    client: Client
    """Asks the providers of chains."""

    @property
    def chained(self) -> bool:
        """Whether some requests go to others than their own provider, or under another name."""
        return bool(self.config.chain or self.config.model_aliases)

    @property
    def replaying(self) -> bool:
        """Whether nothing may be asked of a provider."""
        return bool(self.config.cassette) and self.config.cassette_mode == "replay"

    def close(self) -> None:
        """Finish what is being written, and let what is being asked end."""
        self.client.close()
        self.journal.close()
        self.store.close()
        if self.leases is not None:
            self.leases.close()


def _nobody(_: Address) -> bool:
    return False


def build(config: Config, *, is_own: Callable[[Address], bool] = _nobody) -> House:
    """
    Put the parts together.

    Args:
        config: the settings.
        is_own: whether an address of this machine is one at which this proxy listens.

    Raises:
        ConfigError: the cassette cannot be used, or a chain cannot be asked.
    """
    set_up(config.log_level)
    clock = SystemClock()
    reach = Reach(offline=config.offline, hosts=config.offline_hosts)
    client = Client(_terms(config), reach, is_own=is_own)
    cloud = _cloud(config, clock, client, reach)
    store = open_store(config, clock)
    leases = None if isinstance(store, Cassette) else FileLeases(places(config).cache / "leases")
    return House(
        config=config,
        clock=clock,
        hosts=HostTable(config.hosts),
        intake=Intake(config, _secret(config)),
        pipeline=Pipeline([*_layers(config, store, clock, leases), cloud], clock),
        store=store,
        journal=open_journal(config),
        leases=leases,
        reach=reach,
        client=client,
    )


def _terms(config: Config) -> Terms:
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


def _cloud(config: Config, clock: Clock, client: Client, reach: Reach) -> CloudLayer:
    chains = chains_of(config)
    state = State(pools_of(config.providers, _key_of))
    private = frozenset(name.lower() for name in (*CONTROL_HEADERS, config.tenant_header) if name)
    asker = Asker(client, private=private, unix_time=clock.time)
    return CloudLayer(chains, state, asker, reach=reach, clock=clock, random=random.random)


def _key_of(source: str) -> str | None:
    """A provider's key, from where the settings say that it is; None where there is none."""
    kind, _, name = source.partition(":")
    return os.environ.get(name) if kind == "env" else None


def _secret(config: Config) -> bytes:
    """What callers are hashed with. One that cannot be kept serves until this process ends."""
    try:
        return load_secret(places(config).secret)
    except StoreError as error:
        logger.warning("%s; answers stored from now on are found until this proxy stops", error)
        return secrets.token_bytes(32)


def _layers(config: Config, store: Store, clock: Clock, leases: FileLeases | None) -> list[Layer]:
    cache = config.cache
    if not cache.enabled and not config.cassette:
        return []
    return [
        ExactLayer(
            store,
            clock=clock,
            lifetimes=Lifetimes(cache.ttl_s, cache.ttl_by_model, cache.ttl_by_host),
            again=cache.again,
            delivery=Delivery(clock, pace=cache.replay_pace),
            single_flight=cache.single_flight,
            replay_only=bool(config.cassette) and config.cassette_mode == "replay",
            leases=leases,
        )
    ]


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


def open_journal(config: Config) -> Journal:
    """What happened lately."""
    return Journal(places(config).journal)
