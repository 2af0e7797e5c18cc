"""The semantic layer: what it answers, what it leaves alone, what it learns."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from isartor_addon.core.outcome import Answer
from isartor_addon.layers.ports import Check
from isartor_addon.layers.semantic import meaning
from isartor_addon.layers.semantic.judge import embeddable
from isartor_addon.layers.semantic.rules import Rules
from tests.core.asking import ANTHROPIC, RESPONSES
from tests.layers.semantic.stage import ONE, OTHER, FakeEmbedder, Stage, asked, said, steps

ALWAYS = Rules(shadow_share=1.0)
THIRD = "How do I reverse the list in Python?"
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {}}}]


async def after_one(stage: Stage, *others: Any) -> list[Any]:
    """Teach the stage one answer, then ask other things."""
    await stage.teach(asked(ONE), said())
    return [await stage.ask(other) for other in others]


def test_answers_other_words() -> None:
    """What was asked in other words gets the stored bytes, and the reply says from whom and how near."""
    stage, other = Stage(), asked(OTHER)

    async def scene() -> Any:
        entry = await stage.teach(asked(ONE), said())
        stage.clock.now += 7
        return entry, await stage.ask(other)

    entry, answer = asyncio.run(scene())
    assert isinstance(answer, Answer)
    assert (said().chunks, "l1b", 7) == (answer.chunks, answer.layer, answer.age_s)
    assert {"x-isartor-similarity": "0.950", "x-isartor-matched": entry.key[:16]} == answer.told
    assert [("hit", f"{entry.key[:16]} at 0.950")] == steps(other)
    (hit,) = stage.evidence.hits
    assert (other.identity.key, OTHER, entry.key, pytest.approx(0.95)) == (
        hit.asked,
        hit.words,
        hit.key,
        hit.similarity,
    )


def test_the_exact_answer_comes_first() -> None:
    """The same words are answered by the exact layer, and nothing is embedded for it."""
    stage = Stage()

    async def scene() -> Any:
        (answer,) = await after_one(stage, asked(ONE))
        return answer

    assert "l1a" == asyncio.run(scene()).layer
    assert 1 == len(stage.embedder.asked)


def test_another_mode_is_rendered() -> None:
    """A stream asked for in other words than the whole answer that is stored says the same."""
    (answer,) = asyncio.run(after_one(Stage(), asked(OTHER, mode="sse")))
    assert b"reversed" in b"".join(answer.chunks)
    assert dict(answer.headers)["content-type"].startswith("text/event-stream")


OTHERS: dict[str, Any] = {
    "another caller": lambda: asked(OTHER, caller="else"),
    "another model": lambda: asked(OTHER, model="gpt-4o-mini"),
    "another temperature": lambda: asked(OTHER, temperature=0.7),
    "another seed": lambda: asked(OTHER, seed=1),
    "another schema": lambda: asked(OTHER, response_format={"type": "json_object"}),
    "another provider": lambda: asked(OTHER, url="https://api.mistral.ai/v1/chat/completions"),
    "another wire": lambda: asked(OTHER, url=ANTHROPIC),
    "instructions": lambda: asked(
        OTHER, messages=[{"role": "system", "content": "Rhyme."}, {"role": "user", "content": OTHER}]
    ),
    "a conversation": lambda: asked(
        OTHER,
        messages=[
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": OTHER},
        ],
    ),
    "an image": lambda: asked([{"type": "text", "text": OTHER}, {"type": "image_url", "image_url": {"url": "x"}}]),
    "tools": lambda: asked(OTHER, tools=TOOLS),
    "several choices": lambda: asked(OTHER, n=2),
    "exact": lambda: asked(OTHER, cache="exact"),
    "refresh": lambda: asked(OTHER, cache="refresh"),
    "bypass": lambda: asked(OTHER, cache="bypass", store=False),
    "too old": lambda: asked(OTHER, ttl_s=0),
    "far": lambda: asked("Who wrote Faust?"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_no_hit(other: str) -> None:
    """Whatever differs but the words, or forbids it: no answer, and the trail says why."""
    exchange = OTHERS[other]()
    assert [None] == asyncio.run(after_one(Stage(), exchange))
    assert {"skip", "miss"} & {outcome for outcome, _ in steps(exchange)}


def test_messages_of_one_socket_are_filed_each_under_its_own_words() -> None:
    """They share an id: what is learned of one while the next is under way has nothing of the next one's."""
    stage, one, two = Stage(), asked(ONE), asked("Who wrote Faust?")
    two.id = one.id

    async def scene() -> Any:
        await stage.teach(asked(THIRD), said("another"))
        assert [None, None] == [await stage.ask(one), await stage.ask(two)]
        await stage.learn(one, said())
        await stage.learn(two, said("Goethe."))
        return stage.vectors.held[one.in_scope().key]

    held = asyncio.run(scene())
    expected = asyncio.run(stage.embedder.embed([embeddable(ONE), embeddable("Who wrote Faust?")]))
    for exchange, vector in zip((one, two), expected, strict=True):
        assert (held[exchange.identity.key] == vector).all()


def test_only_is_for_the_very_words() -> None:
    """`x-isartor-cache: only` asks for what is stored for this request, not for another one's."""
    (outcome,) = asyncio.run(after_one(Stage(), asked(OTHER, cache="only")))
    assert "Refuse" == type(outcome).__name__


def test_a_lonely_question_is_not_embedded() -> None:
    """While nothing else is stored in its scope a request costs no embedding before it goes on."""
    stage, exchange = Stage(), asked(ONE)
    assert asyncio.run(stage.ask(exchange)) is None
    assert [] == stage.embedder.asked
    assert [("miss", "nothing else is stored in its scope")] == steps(exchange)


def test_an_exact_hit_knows_no_scope() -> None:
    """The scope is found when it is needed: the exact layer's hits do not pay for it."""
    stage, exchange = Stage(), asked(ONE)
    asyncio.run(after_one(stage, exchange))
    assert exchange.scope is None


def test_the_guard_refuses_and_the_trail_says_so() -> None:
    """Near in meaning is not enough: the rule that refused and the score stand in the trail, and no words do."""
    stage = Stage(embedder=FakeEmbedder({f"{ONE} 3": 1.0, f"{ONE} 4": 0.99}))
    other = asked(f"{ONE} 4")

    async def scene() -> Any:
        entry = await stage.teach(asked(f"{ONE} 3"), said())
        return entry, await stage.ask(other)

    entry, outcome = asyncio.run(scene())
    assert outcome is None
    (near, miss) = steps(other)
    assert ("near", True) == (near[0], near[1].startswith(f"{entry.key[:16]} at 0.990: "))
    assert "list" not in near[1]
    assert "miss" == miss[0]
    ((key, matched, similarity, _),) = stage.evidence.misses
    assert (other.identity.key, entry.key, pytest.approx(0.99)) == (key, matched, similarity)


def test_an_answer_that_is_gone_is_forgotten() -> None:
    """What the store no longer has, or has for another question, is no candidate, and leaves the index."""
    stage = Stage()

    async def scene() -> None:
        entry = await stage.teach(asked(ONE), said())
        stage.clock.now += 3600
        other = asked(OTHER)
        assert await stage.ask(other) is None
        stage.pipeline.lost(other, "test")
        assert entry.key not in stage.vectors.keys

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("recording", "filed"),
    [
        (said(), True),
        (said("", tool_calls=[{"id": "c", "type": "function", "function": {"name": "l", "arguments": "{}"}}]), False),
        (said("", refusal="I will not."), False),
    ],
)
def test_what_is_filed(recording: Any, filed: bool) -> None:
    """Answers in words are; calls of tools and refusals are not, though the exact layer keeps them."""
    stage = Stage()
    asyncio.run(stage.teach(asked(ONE), recording))
    assert filed is bool(stage.vectors.keys)


@pytest.mark.parametrize(
    "exchange",
    [
        lambda: asked(ONE, cache="bypass", store=False),
        lambda: asked(ONE, cache="exact"),
        lambda: asked(ONE, ttl_s=0),
        lambda: asked(ONE, tools=TOOLS),
        lambda: asked(ONE, url=f"{RESPONSES}", conversation="conv_1", input=ONE),
    ],
)
def test_what_is_kept_from_it_leaves_no_words(exchange: Any) -> None:
    """What may not be answered in other words is neither filed nor stored with its words."""
    stage, one = Stage(), exchange()

    async def scene() -> None:
        assert await stage.ask(one) is None
        await stage.learn(one, said())

    asyncio.run(scene())
    assert set() == stage.vectors.keys
    assert {""} >= {entry.words + entry.scope for entry in stage.answers.held.values()}


def test_a_lost_index_is_filled_again() -> None:
    """From the entries alone: those with a scope whose answers may be given to other words."""
    stage, calls = Stage(), [{"id": "c", "type": "function", "function": {"name": "l", "arguments": "{}"}}]

    async def scene() -> Any:
        entry = await stage.teach(asked(ONE), said())
        await stage.teach(asked(THIRD, max_tokens=9), said("", tool_calls=calls))
        await stage.teach(asked("Who wrote Faust?", cache="exact"), said())
        stage.vectors.held.clear()
        await stage.layer.fill(stage.answers.held.values())
        assert {entry.key} == stage.vectors.keys
        return await stage.ask(asked(OTHER))

    assert isinstance(asyncio.run(scene()), Answer)


def test_words_that_come_again_are_embedded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in another scope; of very many the oldest are forgotten, and embedded anew."""
    monkeypatch.setattr(meaning, "MOST", 2)
    stage, asking = Stage(), ("What is Rust?", "What is Go?")

    async def scene() -> None:
        await stage.teach(asked(ONE), said())
        await stage.teach(asked(ONE, max_tokens=9), said())
        for more in ({}, {"max_tokens": 9}, {}):
            assert await stage.ask(asked(OTHER, **more)) is not None
        assert 1 == stage.embedder.asked.count(embeddable(OTHER))
        for words in (*asking, OTHER, asking[1]):
            exchange = asked(words)
            if await stage.ask(exchange) is None:
                stage.pipeline.lost(exchange, "test")

    asyncio.run(scene())
    assert [2, 1, 1] == [stage.embedder.asked.count(embeddable(words)) for words in (OTHER, *asking)]


def test_what_is_far_is_left_alone() -> None:
    """No disk is read for a stored question that can neither be the same nor worth a note."""
    stage = Stage(embedder=FakeEmbedder({ONE: 1.0, OTHER: 0.95, THIRD: 0.69}))

    async def scene() -> None:
        entry = await stage.teach(asked(ONE), said())
        stage.answers.got.clear()
        assert await stage.ask(asked(THIRD)) is None
        assert entry.key not in stage.answers.got
        assert await stage.ask(asked(OTHER)) is not None
        assert entry.key in stage.answers.got

    asyncio.run(scene())


def test_a_question_is_filed_when_its_answer_is_on_disk() -> None:
    """Who finds it in another process finds the answer, too."""
    stage, one = Stage(), asked(ONE)

    async def scene() -> None:
        stage.answers.writing = asyncio.Event()
        assert await stage.ask(one) is None
        stage.pipeline.learn(one, said())
        for _ in range(100):
            await asyncio.sleep(0)
        assert set() == stage.vectors.keys
        stage.answers.writing.set()
        await stage.settle()
        assert {one.identity.key} == stage.vectors.keys

    asyncio.run(scene())


def test_refreshed_answers_are_filed() -> None:
    """Who asks for a fresh answer gets one, and it serves others."""
    stage = Stage()

    async def scene() -> Any:
        await stage.teach(asked(ONE, cache="refresh"), said("Fresh."))
        return await stage.ask(asked(OTHER))

    assert b"Fresh." in asyncio.run(scene()).body


def test_again_please_goes_past_both_layers() -> None:
    """The third identical request of a session wants another answer, not one to other words."""
    stage, headers = Stage(), {"x-session-id": "5f0c8a1e9b3d4c77"}

    async def scene() -> list[str]:
        await stage.teach(asked(ONE, headers=headers), said())
        outcomes = [await stage.ask(asked(OTHER, headers=headers)) for _ in range(3)]
        return [getattr(outcome, "layer", "") for outcome in outcomes]

    assert ["l1b", "l1b", ""] == asyncio.run(scene())


def test_a_crowd_is_answered_at_once() -> None:
    """Twenty who ask the same in other words: all are answered, nobody waits for a call that is never made."""
    stage = Stage()

    async def scene() -> list[str]:
        await stage.teach(asked(ONE), said())
        outcomes = await asyncio.gather(*(stage.ask(asked(OTHER)) for _ in range(20)))
        return [getattr(outcome, "layer", "") for outcome in outcomes]

    assert ["l1b"] * 20 == asyncio.run(scene())


def test_a_fault_of_the_embedder_is_a_miss() -> None:
    """Without vectors the request goes on; what is learned then is found by its own words."""
    stage = Stage()

    async def scene() -> Any:
        await stage.teach(asked(ONE), said())
        stage.embedder.broken = True
        other = asked(OTHER)
        entry = await stage.teach(other, said())
        assert ("miss", "not embedded: there is no model") in steps(other)
        assert entry.key not in stage.vectors.keys
        return await stage.ask(asked(OTHER))

    assert "l1a" == asyncio.run(scene()).layer


def test_nobody_waits_for_it() -> None:
    """An embedder that takes too long costs its time and no more."""
    stage, other = Stage(Rules(shadow_share=0, wait_s=0.01)), asked(OTHER)

    async def scene() -> Any:
        await stage.teach(asked(ONE), said())
        stage.embedder.held = asyncio.Event()
        return await stage.ask(other)

    assert asyncio.run(scene()) is None
    assert [("miss", "it took longer than 10 ms")] == steps(other)


# --- profiles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "similarity", "hit"),
    [
        (Rules(shadow_share=0), 0.91, False),
        (Rules(shadow_share=0, threshold=0.9), 0.91, True),
        (Rules(shadow_share=0, profiles={"GPT-*": "faq"}), 0.86, True),
        (Rules(shadow_share=0, profiles={"api.openai.com": "faq"}), 0.84, False),
        (Rules(shadow_share=0, profiles={"generic": "off"}), 0.99, False),
        (Rules(shadow_share=0, profiles={"other": "off", "*": "faq"}), 0.86, True),
        (Rules(shadow_share=0, profiles={"gpt-*": "agent"}), 0.94, False),
    ],
)
def test_profiles(rules: Rules, similarity: float, hit: bool) -> None:
    """How near is near enough depends on the profile, which a pattern of model, host or client chooses."""
    stage = Stage(rules, embedder=FakeEmbedder({ONE: 1.0, OTHER: similarity}))
    (outcome,) = asyncio.run(after_one(stage, asked(OTHER)))
    assert hit is isinstance(outcome, Answer)


def test_agents_if_switched_on() -> None:
    """Requests with tools are answered only where that is wanted, and then at the strictest threshold."""
    rules = Rules(shadow_share=0, agents=True)
    stage = Stage(rules, embedder=FakeEmbedder({ONE: 1.0, OTHER: 0.96, THIRD: 0.94}))

    async def scene() -> list[bool]:
        await stage.teach(asked(ONE, tools=TOOLS), said())
        others = [asked(words, tools=TOOLS) for words in (OTHER, THIRD)]
        return [isinstance(await stage.ask(other), Answer) for other in others]

    assert [True, False] == asyncio.run(scene())


# --- checks -----------------------------------------------------------------------------------------------------------


async def doubted(stage: Stage, fresh: Any) -> Any:
    """One answer is learned, a hit of it is checked against `fresh`; the exchange."""
    await stage.teach(asked(ONE), said())
    other = asked(OTHER)
    assert await stage.ask(other) is None
    await stage.learn(other, fresh)
    return other


def test_a_checked_hit_gets_the_provider_s_answer() -> None:
    """A share of hits goes on; when the provider says the same, that is noted and both answers stay."""
    stage = Stage(ALWAYS)
    other = asyncio.run(doubted(stage, said("Use reversed()")))
    assert ["check"] == [outcome for outcome, _ in steps(other)]
    ((_, check, why),) = stage.evidence.said
    assert (True, "", pytest.approx(0.95)) == (check.right, why, check.similarity)
    assert {asked(ONE).identity.key, other.identity.key} == stage.vectors.keys


@pytest.mark.parametrize(
    ("fresh", "why"),
    [("Use reversed(), since 3.8.", ""), ("Sort it.", "meaning"), ("```\nx[::-1]\n```", "code")],
)
def test_a_disagreement_removes_the_answer(fresh: str, why: str) -> None:
    """The stored answer no longer serves other words, the pair is remembered, and the fresh answer is filed."""
    stage = Stage(ALWAYS)
    other = asyncio.run(doubted(stage, said(fresh)))
    ((_, check, reason),) = stage.evidence.said
    assert (why, not why) == (reason, check.right)
    assert (asked(ONE).identity.key in stage.vectors.keys) is not why or not why
    assert other.identity.key in stage.vectors.keys
    assert ([(OTHER, ONE, pytest.approx(0.95))] if why else []) == stage.evidence.pairs


def test_what_another_process_found_wrong_is_not_served() -> None:
    """The index of this process may still hold what another one has withdrawn; the evidence says so."""
    stage = Stage()

    async def scene() -> Any:
        entry = await stage.teach(asked(ONE), said())
        stage.evidence.checked(entry.scope, Check(entry.key, 0.93, False, stage.clock.now), "numbers")
        other = asked(OTHER)
        assert await stage.ask(other) is None
        assert ("near", f"{entry.key[:16]} at 0.950: it was wrong before") == steps(other)[0]
        stage.clock.now += 1
        stage.pipeline.lost(other, "test")
        await stage.teach(asked(ONE, cache="refresh"), said("Anew."))
        return stage.vectors.keys

    assert {asked(ONE).identity.key} == asyncio.run(scene())


@pytest.mark.parametrize(("drawn", "hit"), [(0.3, False), (0.4, True)])
def test_neighbours_of_a_wrong_answer_are_checked_more_often(drawn: float, hit: bool) -> None:
    """After one wrong hit in a scope a third of its other answers' hits are checked."""
    stage = Stage(chances=[drawn])

    async def scene() -> Any:
        entry = await stage.teach(asked(ONE), said())
        stage.evidence.checked(entry.scope, Check("f" * 64, 0.93, False, 0.0), "numbers")
        return await stage.ask(asked(OTHER))

    assert hit is isinstance(asyncio.run(scene()), Answer)


@pytest.mark.parametrize(("drawn", "hit"), [(0.019, False), (0.02, True)])
def test_the_share_is_drawn(drawn: float, hit: bool) -> None:
    """Two of a hundred by default."""
    stage = Stage(Rules(), chances=[drawn])
    (outcome,) = asyncio.run(after_one(stage, asked(OTHER)))
    assert hit is isinstance(outcome, Answer)


def test_the_first_hit_of_an_answer_can_be_checked_always() -> None:
    """`verify_first`: the first goes on, the second is served."""
    stage = Stage(Rules(shadow_share=0, verify_first=True))

    async def scene() -> Any:
        other = await doubted(stage, said("Use reversed()"))
        del stage.answers.held[other.identity.key]
        stage.vectors.remove(other.identity.key)
        return await stage.ask(asked(OTHER))

    assert isinstance(asyncio.run(scene()), Answer)


def test_a_check_that_cannot_be_made_says_nothing() -> None:
    """Where the embedder fails, or the answer cannot be read, nothing is noted against anybody."""
    stage = Stage(ALWAYS)

    async def scene() -> None:
        await stage.teach(asked(ONE), said())
        other = asked(OTHER)
        assert await stage.ask(other) is None
        stage.embedder.broken = True
        await stage.learn(other, said("Sort it."))

    asyncio.run(scene())
    assert [] == stage.evidence.said
