"""The exact layer: what it answers, what it refuses to answer, what it keeps."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from isartor_addon.core.errors import NotRecorded
from isartor_addon.core.exchange import CacheUse, Exchange
from isartor_addon.core.fingerprint import Fingerprint
from isartor_addon.core.identity import ANYONE, key_for
from isartor_addon.core.live_body import LiveBody
from isartor_addon.core.outcome import Answer, Outcome, Refuse, Stream
from isartor_addon.core.prompt import Part, Text
from isartor_addon.core.recording import Entry
from isartor_addon.layers.exact.layer import LONGEST_FLIGHT_S, ExactLayer, Lifetimes

from .play import BODY, CHAT, FakeAnswers, FakeClock, exact, exchange, recording


@pytest.fixture
def answers() -> FakeAnswers:
    """An empty store."""
    return FakeAnswers(FakeClock())


def taught(answers: FakeAnswers, **said: object) -> ExactLayer:
    """A layer that has learned one reply."""
    layer, asked = exact(answers), exchange()
    assert asyncio.run(layer.ask(asked)) is None
    layer.learn(asked, recording(**said))  # type: ignore[arg-type]
    return layer


def comes(layer: ExactLayer, leader: Exchange, *chunks: bytes) -> LiveBody:
    """What the leader asked for begins to be answered, and goes on."""
    body = LiveBody()
    layer.began(leader, (("content-type", "text/event-stream"),), body)
    for chunk in chunks:
        body.add(chunk)
    return body


def test_answers_what_it_learned_byte_for_byte(answers: FakeAnswers) -> None:
    """The second identical request gets the recorded bytes, from memory and from the store alike."""
    layer = taught(answers)
    answers.clock.now += 7
    peeked = layer.peek(exchange())
    answers.in_memory = False
    assert layer.peek(exchange()) is None
    asked = asyncio.run(layer.ask(exchange()))
    assert isinstance(peeked, Answer)
    assert (peeked.chunks, peeked.age_s) == ((BODY,), 7)
    assert peeked == asked


def test_a_repeat_has_the_digests_of_what_it_repeats(answers: FakeAnswers) -> None:
    """They need not be made again to say how the next request differs."""
    layer, first, again = exact(answers), exchange(), exchange()
    first.fingerprint = Fingerprint(taken={"body.model": "0123456789abcdef"})
    layer.learn(first, recording())
    assert layer.peek(again) is not None
    assert first.fingerprint == again.fingerprint


def test_renders_another_mode(answers: FakeAnswers) -> None:
    """A stream asked for where JSON was recorded says the same."""
    outcome = taught(answers).peek(exchange(mode="sse"))
    assert isinstance(outcome, Answer)
    assert dict(outcome.headers)["content-type"].startswith("text/event-stream")
    assert b"Four." in b"".join(outcome.chunks)


def test_puts_the_present_runs_ids(answers: FakeAnswers) -> None:
    """Where the recorded run's session stands in the answer, the present run's is put."""
    old, new = "11111111-aaaa-4aaa-8aaa-111111111111", "22222222-bbbb-4bbb-8bbb-222222222222"
    body = BODY.replace(b"Four.", b"See /tmp/" + old.encode())
    layer, asked = exact(answers), exchange(session=old)
    assert asyncio.run(layer.ask(asked)) is None
    layer.learn(asked, recording(body, run_ids={"session": old}))
    outcome = layer.peek(exchange(session=new))
    assert isinstance(outcome, Answer)
    assert body.replace(old.encode(), new.encode()) == b"".join(outcome.chunks)


@pytest.mark.parametrize("cache", ["bypass", "refresh"])
def test_goes_past_the_store_on_request(answers: FakeAnswers, cache: str) -> None:
    """Neither bypass nor refresh is answered from the store."""
    layer = taught(answers)
    asked = exchange(cache=cache)  # type: ignore[arg-type]
    assert layer.peek(asked) is None
    assert asyncio.run(layer.ask(asked)) is None


def test_refresh_replaces_the_entry(answers: FakeAnswers) -> None:
    """What a refreshed request gets is served from then on."""
    layer = taught(answers)
    asked = exchange(cache="refresh")
    asyncio.run(layer.ask(asked))
    layer.learn(asked, recording(BODY.replace(b"Four.", b"4")))
    outcome = layer.peek(exchange())
    assert isinstance(outcome, Answer)
    assert b'"4"' in outcome.chunks[0]


def test_only_refuses_what_is_not_stored(answers: FakeAnswers) -> None:
    """`only` gets the stored answer or a clear refusal, and leads no flight."""
    layer = taught(answers)
    assert isinstance(asyncio.run(layer.ask(exchange(cache="only"))), Answer)
    refusal = asyncio.run(layer.ask(exchange("3+3?", cache="only")))
    assert isinstance(refusal, Refuse)
    assert isinstance(refusal.error, NotRecorded)
    assert refusal.error.status == 400


@pytest.mark.parametrize("uncacheable", ["", "it runs in the background"])
def test_replay_refuses_everything_else(answers: FakeAnswers, uncacheable: str) -> None:
    """While a cassette is replayed nothing is forwarded, whatever the request says."""
    layer = exact(answers, replay_only=True)
    for cache in ("use", "refresh", "bypass", "only"):
        outcome = asyncio.run(layer.ask(exchange(cache=cache, uncacheable=uncacheable)))  # type: ignore[arg-type]
        assert isinstance(outcome, Refuse)


def test_serves_and_keeps_nothing_uncacheable(answers: FakeAnswers) -> None:
    """What identity calls uncacheable is neither stored nor served."""
    layer, asked = exact(answers), exchange(uncacheable="it depends on a conversation")
    assert asyncio.run(layer.ask(asked)) is None
    layer.learn(asked, recording())
    assert {} == answers.held
    assert "it depends on a conversation" == asked.trail[-1].note


@pytest.mark.parametrize(("store", "ttl_s"), [(False, None), (True, 0)])
def test_keeps_nothing_against_the_callers_wish(answers: FakeAnswers, store: bool, ttl_s: int | None) -> None:
    """`no-store` and a lifetime of 0 are obeyed."""
    layer, asked = exact(answers), exchange(store=store, ttl_s=ttl_s)
    asyncio.run(layer.ask(asked))
    layer.learn(asked, recording())
    assert {} == answers.held


def test_lifetimes_by_model_then_host_then_default() -> None:
    """The first pattern that fits counts, the caller's own wish before all."""
    lifetimes = Lifetimes(1, by_model={"gpt-4o*": 2}, by_host={"*.openai.com": 3})
    said = [
        lifetimes.of(exchange(model="gpt-4o-mini", ttl_s=9)),
        lifetimes.of(exchange(model="gpt-4o-mini")),
        lifetimes.of(exchange(model="o3")),
    ]
    assert [9, 2, 3] == said
    assert 1 == Lifetimes(1, by_host={"other": 3}).of(exchange())


def test_an_answer_older_than_the_caller_allows_is_a_miss(answers: FakeAnswers) -> None:
    """`x-isartor-ttl` bounds the age of what is served, too."""
    layer = taught(answers)
    answers.clock.now += 60
    assert isinstance(layer.peek(exchange(ttl_s=61)), Answer)
    assert layer.peek(exchange(ttl_s=60)) is None


def test_expired_answers_are_not_served(answers: FakeAnswers) -> None:
    """After its lifetime an answer is gone."""
    layer = taught(answers)
    answers.clock.now += 3600
    assert layer.peek(exchange()) is None
    assert asyncio.run(layer.ask(exchange())) is None


def test_the_third_request_of_a_session_is_fresh(answers: FakeAnswers) -> None:
    """Asked, answered, asked again: forwarded; and answered again after that."""
    layer = exact(answers)

    async def ask() -> bool:
        asked = exchange(session="a-session")
        outcome = layer.peek(asked) or await layer.ask(asked)
        if outcome is None:
            layer.learn(asked, recording())
        return outcome is not None

    async def scene() -> list[bool]:
        return [await ask() for _ in range(5)]

    assert [False, True, False, True, False] == asyncio.run(scene())


def test_looks_among_what_was_imported(answers: FakeAnswers) -> None:
    """Recordings that belong to nobody serve everybody, once some were imported."""
    asked = exchange()
    key = key_for(ANYONE, asked.identity.content)
    answers.put(Entry(key, asked.identity.content, ANYONE, recording(), "h", "m", "c", 0.0, 1e12))
    layer = exact(answers)
    assert asyncio.run(layer.ask(asked)) is None
    answers.imported = True
    layer.lost(asked, "test")
    assert isinstance(asyncio.run(layer.ask(exchange())), Answer)


def test_a_recording_that_cannot_be_said_otherwise_is_a_miss(answers: FakeAnswers) -> None:
    """A reply with two choices cannot be told as a stream: the provider is asked, and the trail says why."""
    two = BODY.replace(b"]}", b',{"index":1,"message":{"role":"assistant","content":"4"},"finish_reason":"stop"}]}')
    layer, asked = taught(answers, content=two), exchange(mode="sse")
    assert isinstance(layer.peek(exchange()), Answer)
    assert layer.peek(asked) is None
    assert "miss" == asked.trail[-1].outcome


@pytest.mark.parametrize("cache", ["refresh", "bypass"])
def test_a_cassette_answers_who_would_rather_have_it_fresh(answers: FakeAnswers, cache: CacheUse) -> None:
    """A tool that always sends `cache-control: no-cache` was recorded so, and is played so: nobody else can answer."""
    taught(answers)
    player = exact(answers, replay_only=True)
    assert isinstance(player.peek(exchange(cache=cache)), Answer)


# --- single-flight --------------------------------------------------------------------------------------------------


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_followers_of_a_whole_reply_wait_for_it(answers: FakeAnswers) -> None:
    """Ten identical requests are one call; nine are answered when it lands."""

    async def scene() -> list[object]:
        layer, leader = exact(answers), exchange()
        assert await layer.ask(leader) is None
        following = [asyncio.ensure_future(layer.ask(exchange())) for _ in range(9)]
        await settle()
        assert not any(each.done() for each in following)
        layer.learn(leader, recording())
        return list(await asyncio.gather(*following))

    outcomes = asyncio.run(scene())
    assert [True] * 9 == [isinstance(each, Answer) for each in outcomes]


def test_followers_of_a_stream_read_along(answers: FakeAnswers) -> None:
    """A stream is shared while it comes, from its first byte."""

    async def read(chunks: AsyncIterator[bytes]) -> list[bytes]:
        return [chunk async for chunk in chunks]

    async def scene() -> list[bytes]:
        layer, leader = exact(answers), exchange(mode="sse")
        assert await layer.ask(leader) is None
        body = comes(layer, leader, b"one")
        outcome = await layer.ask(exchange(mode="sse"))
        assert isinstance(outcome, Stream)
        assert (("content-type", "text/event-stream"),) == outcome.headers
        reading = asyncio.ensure_future(read(outcome.chunks()))
        await settle()
        body.add(b"two")
        layer.learn(leader, recording())
        return await reading

    assert [b"one", b"two"] == asyncio.run(scene())


def test_messages_of_one_socket_lead_calls_of_their_own(answers: FakeAnswers) -> None:
    """They share an id. While the reply to one is checked the next one is asked: each lands its own."""

    async def scene() -> tuple[object, bool, object]:
        layer, one, two = exact(answers), exchange("2+2?", mode="ws"), exchange("3+3?", mode="ws")
        two.id = one.id
        assert await layer.ask(one) is None
        assert await layer.ask(two) is None
        following = [asyncio.ensure_future(layer.ask(exchange(question))) for question in ("2+2?", "3+3?")]
        await settle()
        layer.learn(one, recording())
        first = await following[0]
        waits = not following[1].done()
        layer.learn(two, recording())
        return first, waits, await following[1]

    async def ordered() -> tuple[object, bool, object]:
        async with asyncio.timeout(20):
            return await scene()

    first, waits, second = asyncio.run(ordered())
    assert isinstance(first, Answer)
    assert waits
    assert isinstance(second, Answer)


def test_a_call_that_nobody_joins_any_more_still_answers_who_follows_it(answers: FakeAnswers) -> None:
    """After half an hour the next that asks leads a call of its own; those who follow the old one get its answer."""

    async def scene() -> tuple[Outcome | None, bool, bool]:
        layer, old, new = exact(answers), exchange(), exchange()
        assert await layer.ask(old) is None
        follower = asyncio.ensure_future(layer.ask(exchange()))
        await settle()
        answers.clock.now += LONGEST_FLIGHT_S + 1
        assert await layer.ask(new) is None
        joined = asyncio.ensure_future(layer.ask(exchange()))
        await settle()
        layer.learn(old, recording())
        outcome = await follower
        waits = not joined.done()
        layer.lost(new, "cut")
        return outcome, waits, isinstance(await joined, Answer)

    outcome, waits, answered = asyncio.run(scene())
    assert isinstance(outcome, Answer)
    assert waits
    assert answered


def test_followers_go_where_their_leader_was_answered(answers: FakeAnswers) -> None:
    """When a later layer answers the leader, all who wait go on to it at once, and nobody waits for anybody."""

    async def scene() -> list[object]:
        layer, leader = exact(answers), exchange()
        assert await layer.ask(leader) is None
        following = [asyncio.ensure_future(layer.ask(exchange())) for _ in range(9)]
        await settle()
        layer.outdone(leader)
        outcomes = list(await asyncio.gather(*following))
        assert await layer.ask(exchange()) is None
        return outcomes

    assert [None] * 9 == asyncio.run(scene())


def test_what_is_to_be_fresh_is_so_for_every_layer(answers: FakeAnswers) -> None:
    """Who asks a third time is given no older answer by a later layer either."""
    layer, asked = taught(answers), [exchange(session="s") for _ in range(3)]
    for each in asked:
        asyncio.run(layer.ask(each))
    assert ["use", "use", "refresh"] == [each.control.cache for each in asked]


@pytest.mark.parametrize("mode", ["json", "sse"])
def test_one_follower_takes_over(answers: FakeAnswers, mode: str) -> None:
    """When the leader fails, one of those who wait goes on to the provider and the others follow that one."""

    async def scene() -> tuple[int, int]:
        layer, leader = exact(answers), exchange(mode=mode)
        assert await layer.ask(leader) is None
        waiting = [exchange(mode=mode) for _ in range(5)]
        following = [asyncio.ensure_future(layer.ask(each)) for each in waiting]
        await settle()
        layer.lost(leader, "429")
        await settle()
        leaders = [each for each, task in zip(waiting, following, strict=True) if task.done()]
        layer.learn(leaders[0], recording())
        outcomes = await asyncio.gather(*following)
        return len(leaders), sum(isinstance(each, Answer) for each in outcomes)

    assert (1, 4) == asyncio.run(scene())


def test_a_bypass_neither_leads_nor_ends_a_flight(answers: FakeAnswers) -> None:
    """A request that goes past the cache does not disturb others that share a call."""

    async def scene() -> object:
        layer, leader, passing = exact(answers), exchange(), exchange(cache="bypass", store=False)
        assert await layer.ask(leader) is None
        assert await layer.ask(passing) is None
        layer.lost(passing, "test")
        follower = asyncio.ensure_future(layer.ask(exchange()))
        await settle()
        assert not follower.done()
        layer.learn(leader, recording())
        return await follower

    assert isinstance(asyncio.run(scene()), Answer)


def test_single_flight_can_be_switched_off(answers: FakeAnswers) -> None:
    """Every request makes its own call then."""

    async def scene() -> list[object]:
        layer = exact(answers, single_flight=False)
        return [await layer.ask(exchange()) for _ in range(3)]

    assert [None] * 3 == asyncio.run(scene())


def test_a_flight_that_never_lands_is_not_waited_for(answers: FakeAnswers) -> None:
    """After half an hour another request makes its own call."""

    async def scene() -> object:
        layer = exact(answers)
        await layer.ask(exchange())
        answers.clock.now += 1801
        return await layer.ask(exchange())

    assert asyncio.run(scene()) is None


def test_a_socket_does_not_wait_for_others(answers: FakeAnswers) -> None:
    """While a message waits its whole socket would: it makes its own call."""

    async def scene() -> object:
        layer = exact(answers)
        await layer.ask(exchange())
        return await layer.ask(exchange(mode="ws"))

    assert asyncio.run(scene()) is None


def test_a_socket_waits_for_what_is_about_to_land(answers: FakeAnswers) -> None:
    """A reply that has ended and is being checked is no call under way: asking again now would be paid twice."""

    async def scene() -> tuple[bool, object]:
        layer, leader = exact(answers), exchange(mode="ws")
        assert await layer.ask(leader) is None
        comes(layer, leader, BODY)
        layer.ended(leader)
        again = asyncio.ensure_future(layer.ask(exchange(mode="ws")))
        await settle()
        waits = not again.done()
        layer.learn(leader, recording(mode="ws"))
        return waits, await again

    waits, answer = asyncio.run(scene())
    assert waits
    assert isinstance(answer, Answer)


def test_a_socket_goes_first_when_what_ended_was_no_good(answers: FakeAnswers) -> None:
    """A reply that turns out to be worth nothing holds up nobody."""

    async def scene() -> object:
        layer, leader = exact(answers), exchange(mode="ws")
        assert await layer.ask(leader) is None
        layer.ended(leader)
        again = asyncio.ensure_future(layer.ask(exchange(mode="ws")))
        await settle()
        assert not again.done()
        layer.lost(leader, "test")
        return await again

    assert asyncio.run(scene()) is None


def test_an_answer_that_lands_while_the_disk_is_read_is_found(answers: FakeAnswers) -> None:
    """A request that waits for the disk while an identical one is asked, answered and learned makes no second call."""

    async def scene() -> object:
        layer, leader = exact(answers), exchange()
        assert await layer.ask(leader) is None
        answers.disk = asyncio.Event()
        late = asyncio.ensure_future(layer.ask(exchange()))
        await settle()
        layer.learn(leader, recording())
        answers.disk.set()
        return await late

    assert isinstance(asyncio.run(scene()), Answer)


def _with_scratchpad(session: str) -> Exchange:
    """A streamed request whose text names its session's folder, as the key sees it."""
    asked = exchange(mode="sse", session=session)
    return replace(asked, identity=replace(asked.identity, canonical=b'{"text":"write into \x00session\x00"}'))


def test_a_follower_of_another_run_does_not_read_along(answers: FakeAnswers) -> None:
    """A stream may name the leader's session folder: another session waits, and gets the answer with its own."""
    one, two = "0b9d5f6e-1111-4111-8111-000000000001", "0b9d5f6e-1111-4111-8111-000000000002"
    stream = CHAT.write("sse", CHAT.read("json", BODY.replace(b"Four.", f"See /tmp/{one}/a.".encode())))

    async def scene() -> object:
        layer, leader = exact(answers), _with_scratchpad(one)
        assert await layer.ask(leader) is None
        comes(layer, leader, *stream)
        follower = asyncio.ensure_future(layer.ask(_with_scratchpad(two)))
        await settle()
        assert not follower.done()
        said = replace(recording(mode="sse", run_ids={"session": one}), chunks=stream)
        layer.learn(leader, said)
        return await follower

    outcome = asyncio.run(scene())
    assert isinstance(outcome, Answer)
    assert f"See /tmp/{two}/a." in "".join(map(_text, CHAT.read("sse", b"".join(outcome.chunks)).parts))


def _text(part: Part) -> str:
    assert isinstance(part, Text)
    return part.text


def test_a_follower_of_another_session_reads_along_where_the_request_names_none(answers: FakeAnswers) -> None:
    """What the model was not told it cannot say: then the stream is shared as it comes."""

    async def scene() -> object:
        layer, leader = exact(answers), exchange(mode="sse", session="0b9d5f6e-1111-4111-8111-000000000001")
        assert await layer.ask(leader) is None
        comes(layer, leader, b"one")
        return await layer.ask(exchange(mode="sse", session="0b9d5f6e-1111-4111-8111-000000000002"))

    assert isinstance(asyncio.run(scene()), Stream)


def test_a_store_that_fails_strands_nobody(answers: FakeAnswers) -> None:
    """When an answer cannot be filed, those who wait for it ask for themselves."""

    async def scene() -> object:
        layer, leader = exact(answers), exchange(ttl_s=10**400)
        assert await layer.ask(leader) is None
        follower = asyncio.ensure_future(layer.ask(exchange()))
        await settle()
        with pytest.raises(OverflowError):
            layer.learn(leader, recording())
        return await asyncio.wait_for(follower, 5)

    assert asyncio.run(scene()) is None
