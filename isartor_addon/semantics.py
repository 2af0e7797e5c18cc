"""The semantic layer put together: its model, its index, its evidence, and what is done before it is asked."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Collection, Iterator
from contextlib import closing
from itertools import takewhile

from isartor_addon.config.places import places
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import EmbedderError
from isartor_addon.core.recording import Entry
from isartor_addon.layers.delivery import Delivery
from isartor_addon.layers.ports import Clock, Embedder
from isartor_addon.layers.semantic.layer import SemanticLayer
from isartor_addon.layers.semantic.rules import Rules
from isartor_addon.layers.semantic.world import World
from isartor_addon.store.answers import AnswerStore
from isartor_addon.store.evidence import EvidenceStore
from isartor_addon.store.leases import FileLeases
from isartor_addon.store.vectors import VectorStore

logger = logging.getLogger(__name__)


class Semantics:
    """Everything that the layer has open. Making it loads neither the model nor the index."""

    def __init__(
        self, config: Config, store: AnswerStore, embedder: Embedder, clock: Clock, delivery: Delivery
    ) -> None:
        """
        Args:
            config: the settings.
            store: where the exact layer keeps what is learned.
            embedder: closed with the rest.
            clock: time.
            delivery: makes answers of entries.
        """
        said = config.semantic
        self._store = store
        self._closing = threading.Event()
        self._embedder = embedder
        self._folder = places(config).semantic
        self._vectors = VectorStore(self._folder, embedder=embedder.id, clock=clock, stored=store.keys)
        self.evidence = open_evidence(config)
        self.layer = SemanticLayer(
            World(store, self._vectors, embedder, self.evidence, clock),
            delivery=delivery,
            rules=Rules(
                threshold=said.threshold,
                profiles=said.profiles,
                agents=said.agents,
                max_error_rate=said.max_error_rate,
                shadow_share=said.shadow_share,
                verify_first=said.verify_first,
                wait_s=said.wait_ms / 1000,
            ),
            chance=random.random,
        )
        self._preparing = threading.Thread(target=self._prepare, name="isartor-semantic", daemon=True)
        self._preparing.start()

    def close(self) -> None:
        """Finish what is being written."""
        self._closing.set()
        self._embedder.close()
        self._preparing.join()
        self._vectors.close()
        self.evidence.close()

    def _prepare(self) -> None:
        """File what is stored, if the index was lost; load the model, if there is something to compare with."""
        try:
            self._fill()
            filed = self._vectors.stats()["rows"]
            if filed and not self._closing.is_set():
                asyncio.run(self.layer.warm())
                logger.info("%d stored questions are answered in other words, too", filed)
        except EmbedderError as error:
            if self._closing.is_set():
                return
            logger.info("stored questions are answered in their own words only: %s", error)

    def _fill(self) -> None:
        """File what is stored and not yet filed, if no other process does; where this ends, the next start goes on."""
        filed = self._vectors.unfilled()
        if filed is None:
            return
        with closing(FileLeases(self._folder / "filling")) as leases:
            if leases.take("filling"):
                asyncio.run(self.layer.fill(self._unfiled(filed)))
                if not self._closing.is_set():
                    self._vectors.mark_filled()

    def _unfiled(self, filed: Collection[str]) -> Iterator[Entry]:
        stored = takewhile(lambda _: not self._closing.is_set(), self._store.entries())
        return (entry for entry in stored if entry.key not in filed)


def open_evidence(config: Config) -> EvidenceStore:
    """What is known of the layer's hits."""
    return EvidenceStore(places(config).semantic / "evidence.db")
