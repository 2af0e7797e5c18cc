"""Fear: a difference between two requests is not named, or what was asked is kept only to be compared."""

from __future__ import annotations

import threading
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.fingerprint import Fingerprint, differences, fingerprint, steps
from isartor_addon.core.identity import Identity
from tests.core.asking import ANTHROPIC, CHAT, GEMINI, ask
from tests.core.test_canonical import BODIES
from tests.core.test_identity import SESSION, hello
from tests.json_paths import at, changed


@pytest.mark.parametrize(
    ("url", "path", "named"),
    [
        (ANTHROPIC, ("messages", 0, "content", 0, "text"), "body.messages[0].content[0].text"),
        (ANTHROPIC, ("messages", 0, "content", 1, "source", "data"), "body.messages[0].content[1].source.data"),
        (ANTHROPIC, ("messages", 1, "content", 1, "input"), "body.messages[1].content[1].input"),
        (ANTHROPIC, ("system", 1, "text"), "body.system[1].text"),
        (ANTHROPIC, ("tools", 0, "description"), "body.tools[0].description"),
        (CHAT, ("tools", 0, "function", "description"), "body.tools[0].function.description"),
        (CHAT, ("temperature",), "body.temperature"),
        (GEMINI, ("contents", 1, "parts", 0, "functionCall", "args"), "body.contents[1].parts[0].functionCall.args"),
        (
            GEMINI,
            ("generationConfig", "thinkingConfig", "thinkingLevel"),
            "body.generationConfig.thinkingConfig.thinkingLevel",
        ),
    ],
)
def test_a_difference_is_named(url: str, path: tuple[Any, ...], named: str) -> None:
    """The path of a changed field is what a person would write."""
    one, other = ask(url, BODIES[url]), ask(url, changed(BODIES[url], path, "other"))
    found = differences(fingerprint(one.canonical), fingerprint(other.canonical))
    assert [named] == found or [named] == sorted({each[: len(named)] for each in found})
    assert "other" == at(orjson.loads(other.canonical), steps(named))


def test_differences_of_headers_and_target_are_named() -> None:
    """Not only the body can differ."""
    one = ask(ANTHROPIC, hello(), {"anthropic-beta": "a"})
    other = ask("https://api.example.com/v1/messages", hello(), {"anthropic-beta": "b"})
    assert ["headers.anthropic-beta", "target.host"] == differences(
        fingerprint(one.canonical), fingerprint(other.canonical)
    )


def test_what_only_one_has_is_named_once() -> None:
    """A further turn is one difference, not one for each of its fields; turns are sorted as numbers."""
    turns = [{"role": "user", "content": f"word {number}"} for number in range(12)]
    one, other = ask(CHAT, hello(messages=turns[:9])), ask(CHAT, hello(messages=turns))
    found = differences(fingerprint(one.canonical), fingerprint(other.canonical))
    assert ["body.messages[9]", "body.messages[10]", "body.messages[11]"] == found


def test_equal_requests_have_no_differences() -> None:
    """Also where an id of the run stands in them."""
    prints = [
        fingerprint(ask(CHAT, hello(folder=f"/s/{session}"), {"x-session-id": session}).canonical)
        for session in (SESSION, SESSION[::-1])
    ]
    assert [] == differences(*prints)


@pytest.mark.parametrize("name", ["a.b", "a[0]", 'a"b', "", "a\nb"])
def test_odd_names_have_paths(name: str) -> None:
    """A field may be named anything; its path leads to it."""
    canonical = ask(CHAT, hello(extra={name: 7})).canonical
    paths = [path for path in fingerprint(canonical) if path.startswith("body.extra")]
    assert [7] == [at(orjson.loads(canonical), steps(path)) for path in paths]


def test_a_fingerprint_is_bounded() -> None:
    """A body of a hundred thousand fields has no hundred thousand paths."""
    canonical = orjson.dumps({"body": [[[n] for n in range(100)] for _ in range(1000)], "headers": {}, "target": {}})
    assert len(fingerprint(canonical)) < 6000


@settings(max_examples=60)
@given(
    st.recursive(
        st.none() | st.text() | st.integers(-9, 9), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_fingerprints_tell_bodies_apart(extra: Any) -> None:
    """Whatever a field holds, its fingerprint differs from another's exactly when its value does."""
    one, other = ask(CHAT, hello(extra=extra)), ask(CHAT, hello(extra=[extra]))
    assert [] == differences(fingerprint(one.canonical), fingerprint(one.canonical))
    assert [] != differences(fingerprint(one.canonical), fingerprint(other.canonical))


def test_no_fingerprint_of_nothing() -> None:
    """What was never written down has no fields."""
    assert {} == fingerprint(Identity("k", "c").canonical)


def test_it_is_taken_when_it_is_looked_at() -> None:
    """Until then the request is kept, and nothing more; by whichever thread it is taken, it is the same."""
    canonical = ask(CHAT, BODIES[CHAT]).canonical
    prints = Fingerprint(canonical)
    about = prints.about
    assert len(fingerprint(canonical)) <= about
    assert canonical is prints._canonical
    seen: list[dict[str, str]] = []
    threads = [threading.Thread(target=lambda: seen.append(prints.take())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [fingerprint(canonical)] * 8 == seen
    assert (about, b"") == (prints.about, prints._canonical)


@pytest.mark.parametrize("canonical", [b"", b"{", b"[" * 2000 + b"]" * 2000])
def test_what_cannot_be_read_has_none(canonical: bytes) -> None:
    """Whoever writes it down is not stopped by it."""
    assert {} == Fingerprint(canonical).take()
