"""Every example runs as its first lines say; one without a test fails here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from isartor_addon.config.load import load
from isartor_addon.layers.cloud.configured import chains_of
from isartor_addon.layers.cloud.plan import plan_for
from tests.e2e.conftest import launch, provider
from tests.e2e.harness import OPENAI, Proxy, Setup

EXAMPLES = Path(__file__).parents[1] / "examples"

__all__ = ["launch", "provider"]


def run(name: str, *words: str, **environ: str) -> list[str]:
    """What an example prints, line by line."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *words],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout.splitlines()


def test_config() -> None:
    """Every setting of the file is known and holds."""
    config = load(file=EXAMPLES / "config.toml", environ={})
    assert ("llm.example.com", ".models.example.com") == tuple(config.hosts)
    assert (3600, 512, "4") == (config.cache.ttl_s, config.cache.size_mb, config.cache.again)
    assert {"*-preview": 600, "text-embedding-*": 2592000} == dict(config.cache.ttl_by_model)
    assert ("http://127.0.0.1:8000", {"openrouter": "https://openrouter.ai/api"}) == (
        config.door.openai,
        dict(config.door.prefixes),
    )


def test_chain() -> None:
    """A request comes to the targets that the file's comments say, in that order."""
    chains = chains_of(load(file=EXAMPLES / "chain.toml", environ={}))
    plan = plan_for(chains, model="claude-opus-5", host="api.anthropic.com", client="claude_code")
    assert plan is not None
    assert [
        ("client", "claude-opus-5"),
        ("anthropic/claude-opus-5", "claude-opus-5"),
        ("openrouter/anthropic/claude-sonnet-4", "anthropic/claude-sonnet-4"),
        ("local/qwen3-coder", "qwen3-coder"),
    ] == [(target.name, target.model) for target in plan.targets]
    aider = plan_for(chains, model="fast", host="api.openai.com", client="aider")
    assert aider is not None
    assert (60.0, ["gpt-4o-mini", "openrouter/auto"]) == (aider.deadline_s, [each.model for each in aider.targets])
    assert plan_for(chains, model="gpt-4o", host="api.openai.com", client="codex") is None
    gemini = plan_for(chains, model="gemini-2.5-pro", host="generativelanguage.googleapis.com", client="gemini_cli")
    assert gemini is not None
    assert ["client", "vertex/gemini-2.5-pro"] == [target.name for target in gemini.targets]


def test_base_url(launch: Callable[..., Proxy]) -> None:
    """The second of the same questions is answered from here, with the same words."""
    proxy = launch()
    said = run("base_url.py", "what is", "a door?", OPENAI_BASE_URL=f"{proxy.url}/v1", OPENAI_API_KEY="sk-test")
    assert ["  answered by l3", "  answered by l1a"] == said[1::2]
    assert said[0] == said[2]
    assert "what is a door?" in said[0]


def test_beside_another_addon(launch: Callable[..., Proxy]) -> None:
    """An addon after ours sees who answered: the provider, then the cache."""
    proxy = launch(Setup(after=[EXAMPLES / "beside_another_addon.py"]))
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "count me"}]}
    with proxy.client() as client:
        for _ in range(2):
            client.post(f"{OPENAI}/v1/chat/completions", json=body, headers={"authorization": "Bearer sk-test"})
    proxy.stop()
    assert "answers so far: {'l3': 1, 'l1a': 1}" in proxy.log


def test_each_example_has_a_test() -> None:
    """A file in `examples/` is run by the test that is called after it."""
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    files = {path.stem for path in EXAMPLES.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert set() == files - tested
