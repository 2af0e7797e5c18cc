"""Embedders behind a URL: what they are asked, and that whatever they do is a vector or an `EmbedderError`."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from isartor_addon.config.schema import Config, Egress, Embedder
from isartor_addon.core.errors import ConfigError, EmbedderError
from isartor_addon.models import remote_embedder
from isartor_addon.models.chosen import open_embedder
from isartor_addon.models.onnx_embedder import OnnxEmbedder
from isartor_addon.models.remote_embedder import MOST_CHARACTERS, MOST_TEXTS, PAUSE_S
from tests.models.servers import openai, serving, tei
from tests.store.making import HandClock


@contextmanager
def asking(backend, url, clock=None, *, key="", **more):
    config = Config(embedder=Embedder(backend=backend, url=url, model="small", **more))
    embedder = open_embedder(config, clock or HandClock(), key=key)
    try:
        yield embedder
    finally:
        embedder.close()


def embed(embedder, *texts):
    return asyncio.run(embedder.embed(texts))


@pytest.mark.parametrize(
    ("backend", "answer", "path", "expected"),
    [
        ("tei", tei, "/embed", {"inputs": ["a", "bbb"], "truncate": False, "normalize": True}),
        ("openai", openai, "/v1/embeddings", {"model": "small", "input": ["a", "bbb"], "encoding_format": "float"}),
    ],
)
def test_what_is_asked_and_read(monkeypatch, backend, answer, path, expected):
    """Texts go in one request, with the key and past the environment's proxy; vectors come in order, at unit length."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with serving(answer) as fake, asking(backend, fake.url, key="secret") as embedder:
        one, other = embed(embedder, "a", "bbb")
        ((where, headers, body),) = fake.asked
        assert (path, expected, "Bearer secret") == (where, body, headers["authorization"])
        assert np.allclose(one, np.array([1.0, 3.0]) / 10**0.5)
        assert np.allclose(other, np.array([1.0, 1.0]) / 2**0.5)
        assert one.dtype == np.float32
        assert "secret" not in embedder.id + repr(vars(embedder))


def test_paths_of_their_own():
    """An address with a path is taken as it is, also with a slash at its end."""
    with serving(openai) as fake, asking("openai", f"{fake.url}/api/v3/") as embedder:
        embed(embedder, "a")
        assert "/api/v3/embeddings" == fake.asked[0][0]


def test_many_texts_go_in_several_requests():
    """No request holds more texts than servers take, and all vectors come back."""
    with serving(tei) as fake, asking("tei", fake.url) as embedder:
        assert MOST_TEXTS + 5 == len(embed(embedder, *["x"] * (MOST_TEXTS + 5)))
        assert [MOST_TEXTS, 5] == [len(body["inputs"]) for _, _, body in fake.asked]


WRONG = [
    (500, b"oops"),
    (401, b"{}"),
    (200, b"no JSON"),
    (200, {"data": "none"}),
    (200, []),
    (200, [[1.0, 2.0], [3.0, 4.0]]),
    (200, [[]]),
    (200, [[0.0, 0.0]]),
    (200, [["a", "b"]]),
    (200, [None]),
    (200, b"[[1e999, 1.0]]"),
    (302, b""),
]


@pytest.mark.parametrize("answer", WRONG, ids=repr)
def test_whatever_else_is_said_is_an_embedder_error(answer, caplog):
    """One warning; the server is left alone for a while, then asked again, and its coming back is said."""
    clock = HandClock()
    with serving(answer) as fake, asking("tei", fake.url, clock) as embedder:
        for _ in range(3):
            with pytest.raises(EmbedderError):
                embed(embedder, "a")
        assert 1 == len(fake.asked) == len(caplog.records)
        fake.answer = tei
        clock.forward(PAUSE_S + 1)
        assert 1 == len(embed(embedder, "a"))
        assert ["is back" in record.message for record in caplog.records] == [False, True]


def test_a_text_that_is_not_taken_says_nothing_of_the_server(caplog):
    """A text that the server finds too long is one miss; others are asked on. Far too long ones are not even sent."""
    with serving((413, b"{}")) as fake, asking("tei", fake.url) as embedder:
        with pytest.raises(EmbedderError, match="does not take"):
            embed(embedder, "long")
        fake.answer = tei
        embed(embedder, "short")
        with pytest.raises(EmbedderError, match="too long"):
            embed(embedder, "x" * (MOST_CHARACTERS + 1))
        assert 2 == len(fake.asked)
        assert [1, 0] == [asyncio.run(embedder.windows("x" * count)) for count in (5, MOST_CHARACTERS + 1)]
    assert not caplog.records


def test_slow_or_absent(monkeypatch):
    """A server that does not answer in time, or is not there, is an `EmbedderError`."""
    gate = threading.Event()

    def never(asked):
        gate.wait(20)
        return tei(asked)

    with serving(never) as fake:
        with asking("tei", fake.url, timeout_s=0.2) as embedder, pytest.raises(EmbedderError, match="in time"):
            embed(embedder, "a")
        gate.set()
        url = fake.url
    with asking("tei", url) as embedder, pytest.raises(EmbedderError, match="cannot be asked"):
        embed(embedder, "a")


def test_replies_have_a_bound(monkeypatch):
    """A server cannot fill our memory."""
    monkeypatch.setattr(remote_embedder, "MOST_BYTES", 1000)
    with (
        serving(lambda asked: [[1.0] * 2000]) as fake,
        asking("tei", fake.url) as embedder,
        pytest.raises(EmbedderError, match="too much"),
    ):
        embed(embedder, "a")


def test_ids_tell_embedders_apart():
    """Another backend, address or model is another embedder."""
    made = [
        open_embedder(Config(embedder=Embedder(backend=backend, url=url, model=model)), HandClock())
        for backend, url, model in [
            ("onnx", "", ""),
            ("tei", "http://127.0.0.1:1", "a"),
            ("tei", "http://127.0.0.1:1", "b"),
            ("tei", "http://127.0.0.1:2", "a"),
            ("openai", "http://127.0.0.1:1", "a"),
        ]
    ]
    assert isinstance(made[0], OnnxEmbedder)
    assert len(made) == len({embedder.id for embedder in made})


@pytest.mark.parametrize(
    ("embedder", "more", "missing"),
    [
        (Embedder(backend="tei"), {}, "embedder.url"),
        (Embedder(backend="openai", url="http://127.0.0.1:1"), {}, "embedder.model"),
        (Embedder(backend="tei", url="https://llm.example.com"), {"offline": True}, "offline"),
    ],
)
def test_settings_that_do_not_suffice(embedder, more, missing):
    """What a server needs, and that it may be reached, is said in a sentence."""
    with pytest.raises(ConfigError, match=missing):
        open_embedder(Config(embedder=embedder, **more), HandClock())


def test_the_proxy_of_the_settings_is_not_for_this_machine():
    """`egress.proxy` is used for other hosts only."""
    with serving(tei) as fake:
        config = Config(
            embedder=Embedder(backend="tei", url=fake.url), egress=Egress(proxy="http://127.0.0.1:9", proxy_login="a:b")
        )
        embedder = open_embedder(config, HandClock())
        assert 1 == len(embed(embedder, "a"))
        embedder.close()
    with serving((502, b"")) as proxy:
        config = Config(embedder=Embedder(backend="tei", url="http://llm.example.com"), egress=Egress(proxy=proxy.url))
        embedder = open_embedder(config, HandClock())
        with pytest.raises(EmbedderError, match="502"):
            embed(embedder, "a")
        assert ["http://llm.example.com/embed"] == [path for path, _, _ in proxy.asked]
        embedder.close()
