"""Fear: the addon breaks what else somebody does with mitmproxy."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import GEMINI, Proxy, Setup, wait_for
from tests.e2e.wires import CHAT, GENERATE, MESSAGES, Ask
from tests.fake import Provider

ADDON = '''
class Other:
    """Somebody's own addon."""

    def request(self, flow):
        flow.request.headers["x-other"] = "seen"

    def responseheaders(self, flow):
        flow.response.headers["x-other-head"] = "seen"

    def response(self, flow):
        flow.response.headers["x-other"] = str(len(flow.response.content or b""))


addons = [Other()]
'''


def _script(folder: Path) -> Path:
    path = folder / "other.py"
    path.write_text(ADDON)
    return path


def test_other_addons_go_on_working(
    launch: Callable[..., Proxy], provider: Provider, tmp_path: Path, words: str
) -> None:
    """An addon before or after ours sees requests, changes them, and sees replies, answered here or not."""
    for place in ("before", "after"):
        setup = Setup(**{place: (_script(tmp_path),)})  # type: ignore[arg-type]
        with launch(setup, place).client() as client:
            replies = [CHAT.send(client, f"{place} {words}") for _ in range(2)]
        assert [reply.headers["x-isartor-layer"] for reply in replies] == ["l3", "l1a"]
        assert [reply.headers["x-other"] for reply in replies] == [str(len(reply.content)) for reply in replies]
        assert provider.about(f"{place} {words}")[0].header("x-other") == "seen"


def test_options_of_the_user_go_on_working(
    launch: Callable[..., Proxy], provider: Provider, tmp_path: Path, words: str
) -> None:
    """`modify_headers` and `save_stream_file` do what they do without us; saved flows can be read, streams included."""
    saved = tmp_path / "flows"
    options = {"modify_headers": "/~q/x-added/here", "save_stream_file": str(saved)}
    own = launch(Setup(options=options))
    with own.client() as client:
        replies = [MESSAGES.send(client, words, stream=True) for _ in range(2)]
    own.stop()
    assert provider.about(words)[0].header("x-added") == "here"
    written = flows(saved)
    assert [flow["body"] for flow in written] == [reply.text for reply in replies]
    assert [flow["host"] for flow in written] == ["api.anthropic.com"] * 2
    assert all(flow["marked"] and "isartor" in flow["comment"] for flow in written)


READ = """
import json, sys
from mitmproxy.io import FlowReader
for flow in FlowReader(open(sys.argv[1], "rb")).stream():
    said = {"body": flow.response.text, "host": flow.request.host, "marked": flow.marked, "comment": flow.comment}
    print(json.dumps(said))
"""


def flows(path: Path) -> list[dict[str, Any]]:
    """What mitmproxy saved (read in a process of its own: mitmproxy's imports warn)."""
    read = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in read.stdout.splitlines()]


def test_stream_large_bodies_goes_on_working(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """With `stream_large_bodies` smaller prompts are repeated from here, and larger ones pass whole."""
    large = f"large {words} {'x' * (3 << 20)}"
    with launch(Setup(options={"stream_large_bodies": "1m"})).client() as client:
        replies = [CHAT.send(client, f"small {words} {'x' * 50_000}") for _ in range(2)]
        assert CHAT.send(client, large).status_code == 200
    assert replies[1].headers["x-isartor-layer"] == "l1a"
    assert provider.generations(f"small {words}") == 1
    assert provider.about(f"large {words}")[0].body["messages"][1]["content"] == large


def test_an_answer_of_another_addon_is_left_alone(
    launch: Callable[..., Proxy], provider: Provider, tmp_path: Path, words: str
) -> None:
    """What an addon before ours answers reaches the client and is never stored."""
    script = tmp_path / "answers.py"
    script.write_text(
        "from mitmproxy import http\n\n\ndef request(flow):\n"
        "    if 'x-mine' in flow.request.headers:\n"
        "        flow.response = http.Response.make(200, b'mine', {'content-type': 'text/plain'})\n"
    )
    with launch(Setup(before=(script,))).client() as client:
        assert CHAT.send(client, words, headers={"x-mine": "1"}).text == "mine"
        assert words in CHAT.read(CHAT.send(client, words))
        assert CHAT.send(client, words, headers={"x-mine": "1"}).text == "mine"
    assert provider.generations(words) == 1


def test_the_cache_can_be_switched_off(launch: Callable[..., Proxy], provider: Provider, words: str) -> None:
    """With the cache switched off everything passes, unmarked by it, and works."""
    with launch(Setup(options={"isartor_cache_enabled": "false"})).client() as client:
        replies = [CHAT.send(client, words, stream=True) for _ in range(2)]
    assert replies[0].content != replies[1].content
    assert provider.generations(words) == 2


CHANGING = '''
from mitmproxy import http


class Changing:
    """Somebody's own addon, told by headers what to do."""

    def request(self, flow):
        if old := flow.request.headers.pop("x-swap", ""):
            flow.request.text = flow.request.text.replace(old, "something else")
        if path := flow.request.headers.pop("x-path", ""):
            flow.request.path = path
        if said := flow.request.headers.pop("x-say", ""):
            flow.response = http.Response.make(200, said, {"content-type": "application/json"})


addons = [Changing()]
'''
SAID = (
    '{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    '{"role":"assistant","content":"mocked"},"finish_reason":"stop"}]}'
)


def _changing(folder: Path) -> Path:
    path = folder / "changing.py"
    path.write_text(CHANGING)
    return path


@pytest.mark.parametrize("ask", [CHAT, MESSAGES], ids=lambda ask: ask.name)
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_an_answer_to_another_question_is_not_learned(
    launch: Callable[..., Proxy], provider: Provider, tmp_path: Path, ask: Ask, stream: bool, words: str
) -> None:
    """What the provider says to a request that another addon has rewritten is no answer to what was asked."""
    with launch(Setup(after=(_changing(tmp_path),))).client() as client:
        first = ask.send(client, words, stream=stream, headers={"x-swap": words})
        second = ask.send(client, words, stream=stream)
        third = ask.send(client, words, stream=stream)
    assert words not in ask.read(first)
    assert words in ask.read(second)
    assert second.content == third.content
    assert provider.generations(words) == 1


def test_another_path_is_another_question(
    launch: Callable[..., Proxy], provider: Provider, tmp_path: Path, words: str
) -> None:
    """The same where another addon sends the request to another model's path; a prefix to the path is only a way."""
    other = "/v1beta/models/another-model:generateContent"
    prefixed = f"/proxied{GENERATE.whole.removeprefix(GEMINI)}"
    with launch(Setup(after=(_changing(tmp_path),))).client() as client:
        replies = [GENERATE.send(client, words, headers={"x-path": path} if path else {}) for path in (other, "", "")]
        replies += [GENERATE.send(client, f"way {words}", headers={"x-path": prefixed}) for _ in range(2)]
    assert [reply.headers["x-isartor-layer"] for reply in replies] == ["l3", "l3", "l1a", "l3", "l1a"]
    assert [call.path for call in provider.about(f"way {words}")] == [prefixed]


def test_another_addons_answer_is_not_learned(
    launch: Callable[..., Proxy], provider: Provider, tmp_path: Path, words: str
) -> None:
    """An answer that another addon gives in the provider's place is that addon's affair, on a warm connection too."""
    with launch(Setup(after=(_changing(tmp_path),))).client() as client:
        CHAT.send(client, f"warm {words}")
        mocked = CHAT.send(client, words, headers={"x-say": SAID})
        asked = CHAT.send(client, words)
    assert mocked.text == SAID
    assert words in CHAT.read(asked)
    assert provider.generations(words) == 2


STREAMING = '''
class Streaming:
    """Somebody's own addon that changes streams as they go by."""

    def responseheaders(self, flow):
        flow.response.stream = lambda data: data.replace(b"ANSWER", b"answer")


addons = [Streaming()]
'''


def test_streams_that_another_addon_changes_go_on_being_changed(
    launch: Callable[..., Proxy], provider: Provider, tmp_path: Path, words: str
) -> None:
    """An addon before ours that has put a function on a stream keeps it; one after ours takes the stream from us."""
    script = tmp_path / "streaming.py"
    script.write_text(STREAMING)
    for place in ("before", "after"):
        own = launch(Setup(**{place: (script,)}), place)  # type: ignore[arg-type]
        with own.client() as client:
            reply = CHAT.send(client, f"{place} {words}", stream=True)
        assert "answer" in CHAT.read(reply)
        assert "Addon error" not in own.log


REPLAYING = '''
from mitmproxy import ctx, http


class Replaying:
    """Presses `r`, as a person in mitmweb would."""

    flows = []

    def response(self, flow):
        if flow.request.method == "POST":
            self.flows.append(flow)

    def request(self, flow):
        if flow.request.host == "again.test":
            ctx.master.commands.call("replay.client", self.flows[:1])
            flow.response = http.Response.make(200)


addons = [Replaying()]
'''


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_a_request_replayed_by_hand_is_asked_afresh(
    launch: Callable[..., Proxy], provider: Provider, tmp_path: Path, stream: bool, words: str
) -> None:
    """Somebody who replays a flow in mitmproxy wants a fresh answer; it is the one that is served from then on."""
    script = tmp_path / "replaying.py"
    script.write_text(REPLAYING)
    own = launch(Setup(after=(script,)))
    with own.client() as client:
        first = CHAT.send(client, words, stream=stream)
        assert client.get("http://again.test/").status_code == 200
        provider.until(lambda: provider.generations(words) == 2, "the replay to be asked")
        wait_for(lambda: CHAT.send(client, words, stream=stream).content != first.content, "the fresh answer")
    assert provider.generations(words) == 2
    assert "Addon error" not in own.log
