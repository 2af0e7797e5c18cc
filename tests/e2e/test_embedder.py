"""An embedder behind a URL: it decides what is near, it gets no more than the words, and without it all goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.harness import Proxy, Setup
from tests.e2e.test_semantic import ONE, OTHER, SERVES, Person, layer
from tests.models.servers import openai, serving, tei


@pytest.mark.parametrize(("backend", "answer"), [("tei", tei), ("openai", openai)])
def test_questions_are_matched_by_a_server(
    launch: Callable[..., Proxy], words: str, backend: str, answer: Callable[..., object]
) -> None:
    """Other words are answered by its vectors; when it fails they go to the provider, and the same words do not."""
    with serving(answer) as server:
        options = {"backend": backend, "url": server.url, "model": "small", "key": "env:EMBEDDER_KEY"}
        setup = Setup(
            options=SERVES | {f"isartor_embedder_{name}": value for name, value in options.items()},
            environment={"EMBEDDER_KEY": "embedder-key"},
        )
        proxy = launch(setup)
        with proxy.client() as client:
            person = Person(proxy, client, words)
            first = person.teach()
            second = person.ask(OTHER)
            assert ("l1b", first.content) == (layer(second), second.content)
            assert {"Bearer embedder-key"} == {headers["authorization"] for _, headers, _ in server.asked}
            assert not any(words in str(body) for _, _, body in server.asked)
            server.answer = (500, b"")
            assert ["l3", "l1a"] == [layer(person.ask(text)) for text in (OTHER + " Please.", ONE)]
