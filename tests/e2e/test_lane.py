"""Fear: the fast lane hides what it answers, or answers where somebody else has a say."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import Proxy, Setup, free_port
from tests.e2e.test_coexist import flows
from tests.e2e.wires import CHAT, MESSAGES
from tests.fake import Provider

ON = {"isartor_lane_enabled": "true"}
SPY = '''
"""Says which requests mitmproxy's HTTP layer was given; it is no addon, so the lane does not step aside for it."""
import pathlib

from mitmproxy.proxy.layers.http import HttpStream

real = HttpStream.state_wait_for_request_headers


def spy(self, event):
    with pathlib.Path(__file__).with_name("seen").open("a") as file:
        file.write(f"{event.request.method}\\n")
    yield from real(self, event)


HttpStream.state_wait_for_request_headers = spy
'''


def spy(folder: Path) -> Path:
    """A script that counts what goes past the lane."""
    path = folder / "spy.py"
    path.write_text(SPY)
    return path


def passed(folder: Path) -> int:
    """How many POSTs did."""
    return (folder / "seen").read_text().count("POST")


def test_a_repeat_makes_no_flow(launch: Callable[..., Proxy], tmp_path: Path, words: str) -> None:
    """A miss goes through mitmproxy's HTTP layer, its repeats do not, nor with another header."""
    with launch(Setup(options=ON, before=(spy(tmp_path),))).client() as client:
        replies = [CHAT.send(client, words, headers={"x-request-id": str(n // 2)}) for n in range(6)]
    assert ["l3", *["l1a"] * 5] == [reply.headers["x-isartor-layer"] for reply in replies]
    assert 1 == passed(tmp_path)


def test_bodies_that_differ_in_an_id_that_says_nothing(
    launch: Callable[..., Proxy], provider: Provider, words: str
) -> None:
    """Each is answered by the lane; one that says something else among them, in as many bytes, is not."""
    trace = itertools.count(0x7F3A_9C1E_5B2D_4860)
    with launch(Setup(options=ON)).client() as client:

        def layer(text: str) -> str:
            body = {**CHAT.body(text, False), "trace_id": f"{next(trace):x}"}
            answer = CHAT.post(client, body)
            assert text in CHAT.read(answer)
            return answer.headers["x-isartor-layer"]

        assert ["l3", *["l1a"] * 5] == [layer(words) for _ in range(6)]
        other = words[:-1] + ("x" if words[-1] != "x" else "y")
        assert ["l3", "l1a", "l1a", "l1a"] == [layer(other), layer(words), layer(other), layer(words)]
    assert [1, 1] == [provider.generations(words), provider.generations(other)]


@pytest.mark.parametrize(
    "options",
    [
        {"modify_headers": "/~q/x-added/here"},
        {"modify_body": "/~s/neverthere/x"},
        {"map_local": f"|//never.test|{__file__}"},
        {"map_remote": "|//never.test|//nowhere.test"},
        {"block_list": ":~d never.test:404"},
        {"stickyauth": "~d never.test"},
        {"stickycookie": "~d never.test"},
        {"anticache": "true"},
        {"anticomp": "true"},
        {"body_size_limit": "1g"},
        {"isartor_lane_enabled": "false"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_it_steps_aside_for_options(
    launch: Callable[..., Proxy], tmp_path: Path, options: Mapping[str, str], words: str
) -> None:
    """While an option of mitmproxy's acts on flows, repeats are answered by hooks, where it can act."""
    with launch(Setup(options={**ON, **options}, before=(spy(tmp_path),))).client() as client:
        replies = [CHAT.send(client, words) for _ in range(2)]
    assert "l1a" == replies[1].headers["x-isartor-layer"]
    assert 2 == passed(tmp_path)


def test_it_steps_aside_for_an_addon_that_comes_later(launch: Callable[..., Proxy], tmp_path: Path, words: str) -> None:
    """An addon that is loaded while a connection is open sees, and changes, the next answer on it."""
    script = tmp_path / "late.py"
    script.write_text("")
    own = launch(Setup(options=ON, after=(script,)))
    with own.client() as client:
        before = [CHAT.send(client, words) for _ in range(2)][1]
        script.write_text("def response(flow):\n    flow.response.headers['x-late'] = 'seen'\n")
        after = next(
            reply for reply in (CHAT.send(client, words) for _ in itertools.count()) if "x-late" in reply.headers
        )
    assert "x-late" not in before.headers
    assert before.content == after.content
    assert "l1a" == after.headers["x-isartor-layer"]


@pytest.mark.parametrize(("shown", "count"), [("when_watched", 4), ("always", 4), ("never", 1)])
def test_what_is_written_down_shows_its_answers(
    launch: Callable[..., Proxy], tmp_path: Path, shown: str, count: int, words: str
) -> None:
    """A flow file holds the lane's answers like those of hooks: prompt, answer, mark and comment."""
    saved = tmp_path / "flows"
    own = launch(Setup(options={**ON, "save_stream_file": str(saved), "isartor_lane_flows": shown}))
    with own.client() as client:
        replies = [MESSAGES.send(client, words, stream=True) for _ in range(4)]
    own.stop()
    written = flows(saved)
    assert count == len(written)
    assert [reply.text for reply in replies][:count] == [flow["body"] for flow in written]
    assert all("api.anthropic.com" == flow["host"] for flow in written)
    assert [":cloud:", *[":zap:"] * (count - 1)] == [flow["marked"] for flow in written]
    assert all("l1a hit" in flow["comment"] for flow in written[1:])


def test_a_flow_of_the_lane_is_like_one_of_the_hooks(
    launch: Callable[..., Proxy], provider: Provider, tmp_path: Path, words: str
) -> None:
    """Saved flows of the same repeat, with the lane and without, hold the same."""
    found: list[list[dict[str, Any]]] = []
    for enabled in ("true", "false"):
        saved = tmp_path / f"{enabled}.flows"
        options = {"isartor_lane_enabled": enabled, "save_stream_file": str(saved)}
        own = launch(Setup(options=options), enabled)
        with own.client() as client:
            for _ in range(3):
                CHAT.send(client, words, headers={"x-isartor-ttl": "60"})
        own.stop()
        found.append([_steady(flow) for flow in flows(saved)])
    assert found[0] == found[1]
    assert 3 == len(found[0])


def _steady(flow: dict[str, Any]) -> dict[str, Any]:
    """Without the key, which differs from one installation to another, and what the provider says anew."""
    kept = {name: value for name, value in flow.items() if name != "body"}
    return kept | {"comment": re.sub(r"key \w+|\d+ s old", "", flow["comment"])}


@pytest.mark.parametrize(
    "move",
    [
        "from mitmproxy.proxy.layers.http import _hooks\ndel _hooks.HttpRequestHook",
        "from mitmproxy.proxy.layers.http import HttpLayer as Layer\n"
        "Layer.handle_event = property(Layer.handle_event.__get__)",
        "import functools\nfrom mitmproxy.proxy.layers.http._http1 import Http1Server\n"
        "real = Http1Server.read_headers\n"
        "Http1Server.read_headers = property(lambda self: functools.partial(real, self))",
    ],
    ids=["a name is gone", "a method is no attribute", "a state is another"],
)
def test_a_mitmproxy_that_is_built_otherwise(
    launch: Callable[..., Proxy], tmp_path: Path, move: str, words: str
) -> None:
    """Where names have moved in mitmproxy's core the lane stays off, one warning says so, and hooks answer."""
    script = tmp_path / "moved.py"
    script.write_text(move)
    own = launch(Setup(options=ON, before=(script,)))
    with own.client() as client:
        replies = [CHAT.send(client, words) for _ in range(2)]
    own.stop()
    assert "l1a" == replies[1].headers["x-isartor-layer"]
    assert 1 == own.log.count("the fast lane stays off")


def test_the_door_and_reverse_mode_have_it_too(launch: Callable[..., Proxy], tmp_path: Path, words: str) -> None:
    """A base URL that names the proxy's own port, and a reverse proxy, get repeats from the lane as well."""
    reverse = f"reverse:https://api.openai.com@127.0.0.1:{free_port()}"
    own = launch(Setup(modes=("regular@127.0.0.1:0", reverse), options=ON, before=(spy(tmp_path),)))
    with own.direct() as client:
        body = CHAT.body(words, False)
        for port, count in ((own.port, 1), (own.port_of("reverse"), 1)):
            url = f"http://127.0.0.1:{port}/v1/chat/completions"
            replies = [client.post(url, json=body, headers=dict(CHAT.headers)) for _ in range(3)]
            assert "l1a" == replies[2].headers["x-isartor-layer"]
            assert count == passed(tmp_path)
