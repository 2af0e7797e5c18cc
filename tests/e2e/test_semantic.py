"""Fear: somebody is given the answer to another question, or to somebody else's; or nobody is given any."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.harness import Proxy, Setup, wait_for
from tests.e2e.wires import CHAT, GENERATE, MESSAGES, OLLAMA_CHAT, RESPONSES, Ask
from tests.fake import Plan, Provider

SERVES = {
    "isartor_semantic_shadow_share": "0",  # otherwise some hits are drawn for checks
    "isartor_semantic_wait_ms": "30000",  # however busy the machine is
    "isartor_hosts": "ollama.test",
}
ONE = "How do I reverse a list in Python?"
OTHER = "In Python, how can I reverse a list?"
TOOL = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}}
IMAGE = "data:image/png;base64,iVBORw0KGgo"


@dataclass(frozen=True)
class Person:
    """Somebody who asks through a proxy, in a scope that nobody else uses."""

    proxy: Proxy
    client: httpx2.Client
    scope: str
    """Part of the instructions."""

    def body(self, words: Any, ask: Ask = CHAT, *, stream: bool = False, **more: Any) -> dict[str, Any]:
        """A request with these instructions and words."""
        body = ask.body(words, stream)
        if "contents" in body:
            body["systemInstruction"] = {"parts": [{"text": self.scope}]}
        elif ask is RESPONSES:
            body["instructions"] = self.scope
        elif ask is MESSAGES:
            body["system"] = self.scope
        else:
            body["messages"] = [{"role": "system", "content": self.scope}, {"role": "user", "content": words}]
        return {**body, **more}

    def ask(
        self, words: Any, ask: Ask = CHAT, *, stream: bool = False, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx2.Response:
        """The reply."""
        return ask.post(self.client, self.body(words, ask, stream=stream, **more), stream=stream, headers=headers)

    def teach(self, words: Any = ONE, ask: Ask = CHAT, **more: Any) -> httpx2.Response:
        """Ask the provider, and wait until the question is filed."""
        reply = self.ask(words, ask, **more)
        assert "l3" == reply.headers["x-isartor-layer"]
        wait_for(lambda: self.is_filed(reply), "the question to be filed")
        return reply

    def is_filed(self, reply: httpx2.Response) -> bool:
        """Whether what was answered so is in the index; questions of other tests may come there at any time."""
        return rows(self.proxy.home / "isartor", reply.headers["x-isartor-key"]) == 1


def rows(home: Path, key: str = "") -> int:
    """Questions in the index below a home directory, of those whose key begins so."""
    path = home / "cache" / "semantic" / "vectors.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
        try:
            like = "SELECT count(*) FROM vectors WHERE key LIKE ?"
            (count,) = connection.execute(like, (f"{key}%",)).fetchone()
        except sqlite3.OperationalError:  # not set up yet
            return 0
    return int(count)


def layer(reply: httpx2.Response) -> str:
    return str(reply.headers["x-isartor-layer"])


def isartor(proxy: Proxy, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command on a proxy's home directory."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(proxy.home), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "isartor_addon", *words, "--home", str(proxy.home / "isartor")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def serving(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """One that serves every hit."""
    with Proxy(tmp_path_factory.mktemp("semantic"), provider, Setup(options=SERVES)) as running:
        yield running


@pytest.fixture
def person(serving: Proxy, words: str) -> Iterator[Person]:
    """Somebody who asks through it."""
    with serving.client() as client:
        yield Person(serving, client, words)


@pytest.fixture
def another(launch: Callable[..., Proxy], words: str) -> Iterator[Callable[..., Person]]:
    """Somebody at a proxy of their own."""
    clients: list[httpx2.Client] = []

    def at(name: str = "own", **options: str) -> Person:
        proxy = launch(Setup(options={**SERVES, **options}), name)
        clients.append(proxy.client())
        return Person(proxy, clients[-1], words)

    yield at
    for client in clients:
        client.close()


# --- hits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("ask", [CHAT, RESPONSES, MESSAGES, GENERATE, OLLAMA_CHAT], ids=lambda ask: ask.name)
def test_other_words_are_answered(person: Person, provider: Provider, ask: Ask, stream: bool) -> None:
    """On every wire the same question in other words gets the recorded bytes, and the reply says from where."""
    first = person.teach(ask=ask, stream=stream)
    second = person.ask(OTHER, ask, stream=stream)
    assert first.content == second.content
    assert ("l1b", "true") == (layer(second), second.headers["x-isartor-deflected"])
    assert first.headers["x-isartor-key"] == second.headers["x-isartor-matched"] != second.headers["x-isartor-key"]
    assert 0.92 <= float(second.headers["x-isartor-similarity"]) <= 1
    assert int(second.headers["x-isartor-age"]) < 60
    assert 1 == provider.generations(person.scope)


@pytest.mark.parametrize("streamed_first", [False, True], ids=["json to stream", "stream to json"])
@pytest.mark.parametrize("ask", [CHAT, MESSAGES, GENERATE], ids=lambda ask: ask.name)
def test_another_mode_says_the_same(person: Person, ask: Ask, streamed_first: bool) -> None:
    """What was recorded whole is streamed to other words, and the reverse."""
    first = person.teach(ask=ask, stream=streamed_first)
    second = person.ask(OTHER, ask, stream=not streamed_first)
    assert "l1b" == layer(second)
    assert ask.read(first) == ask.read(second)


def test_a_conversation_goes_on(person: Person, provider: Provider) -> None:
    """The last words of a conversation may differ, where all before them is the same."""
    before = [{"role": "user", "content": f"Hi, {person.scope}"}, {"role": "assistant", "content": "Hello!"}]
    turns = [[*before, {"role": "user", "content": words}] for words in (ONE, OTHER)]
    person.teach(messages=turns[0])
    assert "l1b" == layer(person.ask(OTHER, messages=turns[1]))


def test_a_crowd_is_answered_without_a_call(person: Person, provider: Provider) -> None:
    """Ten clients at once in other words: ten hits, and nobody waits for a call that is not made."""
    person.teach()
    from concurrent.futures import ThreadPoolExecutor

    def ask(number: int) -> str:
        with person.proxy.client() as client:
            return layer(replace(person, client=client).ask(OTHER, stream=bool(number % 2)))

    with ThreadPoolExecutor(10) as pool:
        assert {"l1b"} == set(pool.map(ask, range(10)))
    assert 1 == provider.generations(person.scope)


@pytest.mark.parametrize("lane", ["true", "false"])
def test_with_and_without_the_fast_lane(another: Callable[..., Person], lane: str) -> None:
    """Hits of both kinds, the exact ones below or above mitmproxy's HTTP layer."""
    person = another(isartor_lane_enabled=lane)
    first = person.teach()
    replies = [person.ask(words) for words in (ONE, OTHER, ONE, OTHER)]
    assert ["l1a", "l1b", "l1a", "l1b"] == list(map(layer, replies))
    assert {first.content} == {reply.content for reply in replies}


# --- no hits --------------------------------------------------------------------------------------------------------


SYSTEM = {"messages": [{"role": "system", "content": "Rhyme."}, {"role": "user", "content": OTHER}]}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
PICTURE = [{"type": "text", "text": OTHER}, {"type": "image_url", "image_url": {"url": IMAGE}}]
CALLED = [
    {"role": "user", "content": ONE},
    {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", **TOOL | {"function": {"name": "look"}}}]},
]
DIFFERENT: dict[str, dict[str, Any]] = {
    "another account": {"headers": {"authorization": "Bearer sk-else-000000000000"}},
    "another organisation": {"headers": {"openai-organization": "org-2"}},
    "another model": {"model": "gpt-4o-mini"},
    "another temperature": {"temperature": 0.7},
    "another seed": {"seed": 7},
    "another limit": {"max_tokens": 5},
    "another system prompt": SYSTEM,
    "another schema": {"response_format": SCHEMA},
    "a tool": {"tools": [TOOL]},
    "a tool's result": {"messages": [*CALLED, {"role": "tool", "tool_call_id": "c1", "content": OTHER}]},
    "a conversation before": {
        "messages": [*CALLED[:1], {"role": "assistant", "content": "How?"}, SYSTEM["messages"][1]]
    },
    "an image": {"messages": [{"role": "user", "content": PICTURE}]},
    "several choices": {"n": 2},
    "the caller wants it exact": {"headers": {"x-isartor-cache": "exact"}},
    "the caller wants it fresh": {"headers": {"x-isartor-cache": "refresh"}},
    "the caller wants no cache": {"headers": {"x-isartor-cache": "bypass"}},
    "the caller stores nothing": {"headers": {"cache-control": "no-store"}},
    "the caller wants it younger": {"headers": {"x-isartor-ttl": "0"}},
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_else_differs_is_no_hit(person: Person, what: str) -> None:
    """The same question in other words, and one thing more is different: the provider is asked."""
    person.teach()
    assert "l3" == layer(person.ask(OTHER, **DIFFERENT[what]))
    if what != "the caller wants it younger":
        assert "l1b" == layer(person.ask("How to reverse a Python list?")), "the stage must be one on which others hit"


def test_another_picture_is_no_hit(person: Person) -> None:
    """Two pictures with the same question in the same words have nothing to do with each other."""
    contents = [
        [{"type": "text", "text": words}, {"type": "image_url", "image_url": {"url": f"{IMAGE}{picture}"}}]
        for words, picture in ((ONE, "AA"), (OTHER, "AA"), (ONE, "AB"))
    ]
    assert ["l3", "l3", "l3"] == [layer(person.ask(content)) for content in contents]


NEAR_MISSES = [
    ("How do I reverse a list in Python 3.8?", "How do I reverse a list in Python 3.12?"),
    ("How do I convert JSON to YAML?", "How do I convert YAML to JSON?"),
    ("Is it safe to delete the lock file?", "Is it not safe to delete the lock file?"),
    ("How do I enable the firewall on Ubuntu?", "How do I disable the firewall on Ubuntu?"),
    ("What is the largest city in Spain?", "What is the smallest city in Spain?"),
    ("How do I sort a list in ascending order?", "How do I sort a list in descending order?"),
    ("What does the function parse_args do?", "What does the function parse_known_args do?"),
    ("How do I delete config.yaml with git?", "How do I delete config.toml with git?"),
    ("How do I center a div in CSS?", "How do I centre a div in Sass?"),
    ("Who was president before Lincoln?", "Who was president after Lincoln?"),
    ("How many grams are in 2 pounds?", "How many grams are in 3 pounds?"),
    ("How do I install it without sudo?", "How do I install it with sudo?"),
    ("Translate 'good morning' into French", "Translate 'good morning' into German"),
    ("Did Alice pay Bob?", "Did Bob pay Alice?"),
]


@pytest.mark.parametrize(("one", "other"), NEAR_MISSES, ids=lambda words: words[:40])
def test_another_question_is_no_hit(person: Person, one: str, other: str) -> None:
    """Near in meaning, alike in words, and another question: the provider is asked, both ways round."""
    person.teach(one)
    assert "l3" == layer(person.ask(other))
    turned = replace(person, scope=f"{person.scope} turned")
    turned.teach(other)
    assert "l3" == layer(turned.ask(one))


def test_a_tenant_is_given_no_other_s_answer(another: Callable[..., Person]) -> None:
    """Tenants of one API key share no answers."""
    person = another(isartor_tenant_header="x-tenant")
    person.teach(headers={"x-tenant": "a"})
    replies = [person.ask(OTHER, headers={"x-tenant": tenant}) for tenant in ("b", "a")]
    assert ["l3", "l1b"] == list(map(layer, replies))


def test_answers_that_call_tools_are_for_their_own_words(another: Callable[..., Person], provider: Provider) -> None:
    """With `semantic.agents` words are answered where tools are offered; calls of tools only in their own."""
    off = another()
    called = f'{ONE} [[tool:look {{"path": "a"}}]]'
    assert ["l3", "l3"] == [layer(off.ask(words, tools=[TOOL])) for words in (ONE, OTHER)]
    on = another("agents", isartor_semantic_agents="true")
    on.teach(tools=[TOOL])
    assert "l1b" == layer(on.ask("How do I reverse the list in Python?", tools=[TOOL]))
    assert "l3" == layer(on.ask(called, tools=[TOOL]))


def test_switched_off(another: Callable[..., Person]) -> None:
    """`semantic.enabled = false`: nothing is embedded, no words are kept."""
    person = another(isartor_semantic_enabled="false")
    assert ["l3", "l3", "l1a"] == [layer(person.ask(words)) for words in (ONE, OTHER, ONE)]
    assert not (person.proxy.home / "isartor" / "cache" / "semantic").exists()


def test_a_cassette_answers_its_own_words_only(launch: Callable[..., Proxy], words: str, tmp_path: Path) -> None:
    """A recorded demo says what it was recorded to say, and holds no prompt."""
    cassette = tmp_path / "demo.jsonl"
    proxy = launch(Setup(options={**SERVES, "isartor_cassette": str(cassette)}))
    with proxy.client() as client:
        person = Person(proxy, client, words)
        assert ["l3", "l3", "l1a"] == [layer(person.ask(said)) for said in (ONE, OTHER, ONE)]
    proxy.stop()
    assert "words" not in json.loads(cassette.read_text().splitlines()[1])


# --- it lasts -------------------------------------------------------------------------------------------------------


def test_it_outlives_a_restart(another: Callable[..., Person]) -> None:
    """Questions are found after the proxy was stopped, and after it was killed."""
    person = another()
    person.teach()
    for starts, end in enumerate((person.proxy.stop, person.proxy.kill), 1):
        end()
        person.proxy.start()
        with person.proxy.client() as client:
            loaded = partial(lambda count: person.proxy.log.count("1 stored questions") == count, starts)
            wait_for(loaded, "the model to be loaded")
            assert "l1b" == layer(replace(person, client=client).ask(OTHER))


def test_a_lost_index_is_made_again(another: Callable[..., Person]) -> None:
    """What is stored is filed again in the background, by the words that stand beside it."""
    person = another()
    person.teach()
    person.proxy.stop()
    for file in (person.proxy.home / "isartor" / "cache" / "semantic").iterdir():
        file.unlink()
    person.proxy.start()
    wait_for(lambda: "1 stored questions" in person.proxy.log, "the question to be filed again")
    with person.proxy.client() as client:
        assert "l1b" == layer(replace(person, client=client).ask(OTHER))


def test_two_processes_share_questions(another: Callable[..., Person], tmp_path: Path) -> None:
    """What one proxy has learned another one with the same home answers, and takes back for both."""
    home = tmp_path / "shared"
    one = another("one", isartor_home=str(home))
    assert "l3" == layer(one.ask(ONE))
    wait_for(lambda: rows(home) == 1, "the question to be filed")
    other = another("other", isartor_home=str(home))
    wait_for(lambda: "1 stored questions" in other.proxy.log, "the model to be loaded")
    assert "l1b" == layer(other.ask(OTHER))
    assert "l3" == layer(other.ask("Who wrote Faust?"))
    wait_for(lambda: rows(home) == 2, "the question to be filed")
    said = (f"Can you tell me who wrote Faust{'?' * number}" for number in itertools.count(1))
    wait_for(lambda: "l1b" == layer(one.ask(next(said))), "the first to know")
    assert "l3" == layer(other.ask(OTHER, headers={"x-isartor-feedback": "wrong"}))
    wait_for(lambda: "l3" == layer(one.ask(ONE, headers={"x-isartor-cache": "exact"})), "the first to know")


# --- a person's word, and evidence ----------------------------------------------------------------------------------


def test_wrong_is_heard(person: Person, provider: Provider) -> None:
    """`x-isartor-feedback: wrong` removes the answer that was given to this request, and asks the provider."""
    first = person.teach()
    assert "l1b" == layer(person.ask(OTHER))
    fresh = person.ask(OTHER, headers={"x-isartor-feedback": "wrong"})
    assert "l3" == layer(fresh)
    assert fresh.content != first.content
    assert "l3" == layer(person.ask(ONE, headers={"x-isartor-cache": "exact"}))
    last = provider.about(person.scope)[-1]
    assert {None} == {last.header(name) for name in ("x-isartor-feedback", "x-isartor-key")}


def test_wrong_can_name_another_request(person: Person) -> None:
    """By its key, or by that of the answer; on a request that is answered as usual."""
    key = person.teach().headers["x-isartor-key"]
    reply = person.ask("Who wrote Faust?", headers={"x-isartor-feedback": f"wrong {key}"})
    assert "l3" == layer(reply)
    assert "l3" == layer(person.ask(ONE))


def test_nobody_can_take_back_what_is_another_s(person: Person) -> None:
    """Another account's word removes nothing."""
    key = person.teach().headers["x-isartor-key"]
    headers = {"authorization": "Bearer sk-else-000000000000", "x-isartor-feedback": f"wrong {key}"}
    person.ask("Who wrote Faust?", headers=headers)
    assert "l1a" == layer(person.ask(ONE))


def test_wrong_on_the_command_line(person: Person) -> None:
    """`isartor cache wrong KEY` with the key that the reply said."""
    person.teach()
    hit = person.ask(OTHER)
    assert "l1b" == layer(hit)
    assert 0 == isartor(person.proxy, "cache", "wrong", hit.headers["x-isartor-key"]).returncode
    wait_for(lambda: layer(person.ask(OTHER)) != "l1b", "the running proxy to know")
    assert 1 == isartor(person.proxy, "cache", "wrong", "0" * 16).returncode


def test_a_disagreement_ends_it(another: Callable[..., Person]) -> None:
    """A checked hit whose fresh answer says something else: that answer serves nobody any more; people can see why."""
    person = another(isartor_semantic_shadow_share="1")
    key = person.teach().headers["x-isartor-key"]
    checked = person.ask(OTHER)
    assert "l3" == layer(checked)

    def report() -> dict[str, Any]:
        return json.loads(isartor(person.proxy, "semantic", "report", "--words", "--json").stdout)  # type: ignore[no-any-return]

    wait_for(lambda: report()["wrong"] == 1, "the check")
    said = report()
    assert [key] == [each["key"][:16] for each in said["differed"]]
    assert [OTHER, ONE] == said["taught"][0]["words"]
    explained = isartor(person.proxy, "explain", checked.headers["x-isartor-key"]).stdout
    assert f"check: {key} at " in explained
    plain = isartor(person.proxy, "semantic", "report").stdout
    assert "1, of which 1 differed" in plain
    assert "reverse" not in plain


def test_an_agreement_is_noted(another: Callable[..., Person], provider: Provider) -> None:
    """A checked hit whose fresh answer says the same is none against it."""
    person = another(isartor_semantic_shadow_share="1")
    choice = {"index": 0, "message": {"role": "assistant", "content": "Use reversed()."}, "finish_reason": "stop"}
    whole = json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})
    provider.plan(Plan(person.scope, pieces=(whole.encode(),)))
    person.teach()
    second = person.ask(OTHER)
    wait_for(lambda: person.is_filed(second), "the second question to be filed")
    said = json.loads(isartor(person.proxy, "semantic", "report", "--json").stdout)
    assert (1, 0) == (said["checks"], said["wrong"])


def test_near_misses_are_explained(person: Person) -> None:
    """The trail says which question was near, how near, and which rule refused it, and not what was asked."""
    key = person.teach("How do I reverse a list in Python 3.8?").headers["x-isartor-key"]
    reply = person.ask("How do I reverse a list in Python 3.12?")
    wait_for(lambda: isartor(person.proxy, "explain", reply.headers["x-isartor-key"]).returncode == 0, "the journal")
    explained = isartor(person.proxy, "explain", reply.headers["x-isartor-key"]).stdout
    assert f"near: {key} at 0.9" in explained
    assert "reverse" not in explained
    shown = isartor(person.proxy, "semantic", "report").stdout
    assert f"{reply.headers['x-isartor-key']} and {key}" in shown
