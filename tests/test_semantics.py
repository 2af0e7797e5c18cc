"""The semantic layer put together: what is done before it is asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isartor_addon.assemble import SystemClock, open_store
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import EmbedderError, NotEmbeddable
from isartor_addon.layers.delivery import Delivery
from isartor_addon.semantics import Semantics
from isartor_addon.store.answers import AnswerStore
from tests.layers.semantic.stage import said
from tests.store.making import entry

if TYPE_CHECKING:
    from isartor_addon.layers.ports import Vector

UNREADABLE = "words that it does not know"


class LimitedEmbedder:
    """Embeds so many texts, and is closed while it embeds the next."""

    id = "limited"

    def __init__(self, most: int = 1000) -> None:
        self.asked: list[str] = []
        self.stuck = threading.Event()
        self._most = most
        self._closed = threading.Event()

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """A vector a text."""
        if len(self.asked) == self._most:
            self.stuck.set()
            self._closed.wait(30)
            raise EmbedderError("the embedder was closed")
        self.asked += texts
        if UNREADABLE in texts:
            raise NotEmbeddable(UNREADABLE)
        return [np.eye(1, 8, len(self.asked) % 8, dtype=np.float32)[0] for _ in texts]

    async def windows(self, text: str) -> int:
        """One."""
        return 1

    def close(self) -> None:
        """Give up what is being embedded."""
        self._closed.set()


@contextmanager
def started(home: Path, embedder: LimitedEmbedder) -> Iterator[Semantics]:
    """The layer over what is stored."""
    config, clock = Config(home=str(home)), SystemClock()
    with closing(open_store(config, clock)) as store:
        assert isinstance(store, AnswerStore)
        with closing(Semantics(config, store, embedder, clock, Delivery(clock))) as semantics:
            yield semantics


def test_filling_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    """A lost index is filled over as many starts as it takes, each text once; then no start embeds any more."""
    now, words = SystemClock().time(), ["one", "two", UNREADABLE, "three"]
    with closing(open_store(Config(home=str(tmp_path)), SystemClock())) as store:
        for number, each in enumerate(words):
            scoped = replace(entry(number), created=now + number, expires=now + 3600, scope="s", words=each)
            store.put(replace(scoped, recording=said()))
    cut = LimitedEmbedder(2)
    with started(tmp_path, cut):
        assert cut.stuck.wait(30)
    assert ["three", UNREADABLE] == cut.asked
    rest = LimitedEmbedder()
    with started(tmp_path, rest) as semantics:
        semantics._preparing.join(30)
    assert sorted((UNREADABLE, "two", "one")) == sorted(set(rest.asked) - {"ready"})
    later = LimitedEmbedder()
    with started(tmp_path, later) as semantics:
        semantics._preparing.join(30)
    assert ["ready"] == later.asked
