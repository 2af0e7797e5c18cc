"""A person's word: what it takes back, and whose it may."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from isartor_addon.core.recording import Entry
from isartor_addon.layers.ports import Check
from isartor_addon.layers.semantic.correction import WHY, Corrections
from tests.layers.play import FakeAnswers
from tests.layers.semantic.stage import ONE, OTHER, Stage, asked, said


@dataclass
class FakeShelf:
    """The stage's store as people see it."""

    answers: FakeAnswers

    def entries(self) -> Iterator[Entry]:
        """All."""
        return iter(self.answers.held.values())

    def find(self, key: str) -> Entry | None:
        """By the beginning of its key."""
        return next((entry for entry in self.entries() if entry.key.startswith(key)), None)

    def keys(self) -> set[str]:
        """All."""
        return set(self.answers.held)

    def remove(self, *, model: str = "", host: str = "", older_than_s: float | None = None, key: str = "") -> int:
        """By key and model; what is pinned stays where the key does not name it."""
        gone = {
            each.key
            for each in self.entries()
            if key in ("", each.key) and model in ("", each.model) and (key or not each.pinned)
        }
        for each in gone:
            del self.answers.held[each]
        return len(gone)

    def pin(self, key: str, *, pinned: bool = True) -> Entry | None:
        """Not needed."""
        raise NotImplementedError

    def stats(self) -> dict[str, Any]:
        """Not needed."""
        raise NotImplementedError


def corrections(stage: Stage) -> Corrections:
    return Corrections(FakeShelf(stage.answers), stage.evidence, stage.clock)


async def hit(stage: Stage) -> tuple[Entry, str]:
    """An answer, and the key of a request in other words that was given it."""
    entry, other = await stage.teach(asked(ONE), said()), asked(OTHER)
    assert await stage.ask(other) is not None
    return entry, other.identity.key


def test_an_answer_to_other_words_is_taken_back() -> None:
    """By the key of the request that got it: it serves nobody any more, and its scope and the guard's log know why."""
    stage = Stage()

    async def scene() -> None:
        entry, key = await hit(stage)
        assert [entry.key] == corrections(stage).wrong(key[:16])
        for words in (ONE, OTHER):
            again = asked(words)
            assert await stage.ask(again) is None
            stage.pipeline.lost(again, "test")
        ((scope, check, why),) = stage.evidence.said
        assert (entry.scope, entry.key, False, WHY) == (scope, check.key, check.right, why)
        assert [OTHER, ONE] == list(stage.evidence.pairs[0][:2])
        assert set() == stage.vectors.keys

    asyncio.run(scene())


def test_it_can_be_named_by_its_own_key() -> None:
    """`x-isartor-matched` does, too."""
    stage = Stage()

    async def scene() -> None:
        entry, _ = await hit(stage)
        assert [entry.key] == corrections(stage).wrong(entry.key[:16])
        assert 1 == len(stage.evidence.said)

    asyncio.run(scene())


def test_an_answer_to_its_own_words_says_nothing_of_others() -> None:
    """Taking back what the exact layer gave is no evidence about nearness."""
    stage = Stage()
    entry = asyncio.run(stage.teach(asked(ONE), said()))
    assert [entry.key] == corrections(stage).wrong(entry.key)
    assert ([], []) == (stage.evidence.said, stage.evidence.pairs)
    assert [] == corrections(stage).wrong(entry.key)


def test_nobody_takes_back_what_is_another_s() -> None:
    """A caller has its own answers removed, and no others."""
    stage = Stage()

    async def scene() -> None:
        entry, key = await hit(stage)
        for each in (entry.key, key):
            assert [] == corrections(stage).wrong(each, caller="else")
        assert [] == stage.evidence.said
        assert [entry.key] == corrections(stage).wrong(key, caller="caller")

    asyncio.run(scene())


def test_what_is_cleared_leaves_no_words() -> None:
    """Clearing some answers forgets who got them; clearing all forgets what was learned of those that are gone, too."""
    stage = Stage()

    async def scene() -> None:
        entry, _ = await hit(stage)
        kept = replace(await stage.teach(asked(ONE, model="gpt-4"), said()), pinned=True)
        stage.answers.held[kept.key] = kept
        about = [Check(each.key, 0.95, True, 1.0) for each in (entry, kept)]
        for check in about:
            stage.evidence.checked(entry.scope, check, "")
        stage.evidence.taught(ONE, OTHER, 0.95)
        assert 1 == corrections(stage).clear(model="gpt-4o")
        assert [] == stage.evidence.hits
        assert (2, 1) == (len(stage.evidence.said), len(stage.evidence.pairs))
        assert 0 == corrections(stage).clear()
        assert [about[1]] == [check for _, check, _ in stage.evidence.said]
        assert [] == stage.evidence.pairs

    asyncio.run(scene())


def test_it_works_without_the_semantic_layer() -> None:
    """Where that is off, an answer to its own words is taken back."""
    stage = Stage()
    entry = asyncio.run(stage.teach(asked(ONE), said()))
    alone = Corrections(FakeShelf(stage.answers), None, stage.clock)
    assert [entry.key] == alone.wrong(entry.key)
    asyncio.run(stage.teach(asked(ONE), said()))
    assert 1 == alone.clear()
