"""The document of how providers fare."""

from __future__ import annotations

import json

from isartor_addon.config.schema import ChainTable, Config, ProviderTable
from isartor_addon.layers.cloud.configured import cloud_of
from isartor_addon.layers.cloud.plan import plan_for
from isartor_addon.layers.cloud.report import report
from tests.layers.cloud.scripted import BEGUN, Act, Drive, script, status

CONFIG = Config(
    providers=(ProviderTable(name="groq", key=("vault:groq", "env:GROQ")), ProviderTable(name="xai", key=("env:XAI",))),
    chain=(ChainTable(for_=("*",), try_=("client", "groq/llama", "ollama")),),
)
SECRETS = {"vault:groq": "gsk-0123456789abcdef", "env:GROQ": "gsk-fedcba9876543210"}


def test_it_says_how_everybody_fares() -> None:
    """Providers, keys, breakers, latency and the last error are in it: what is configured, and what was seen."""
    cloud = cloud_of(CONFIG, SECRETS.get)
    plan = plan_for(cloud.chains, model="gpt-4o", host="api.openai.com", client="")
    assert plan is not None
    acts = script(client=[status(500, detail="boom")], groq=[status(401), Act(BEGUN.result, 0.25)])
    drive = Drive().run(plan, cloud.state, acts)
    document = report(cloud, drive.now + 10)
    groq, xai, ollama = document["providers"]
    assert ("groq", "openai_chat", "https://api.groq.com/openai/v1", False) == (
        groq["name"],
        groq["wire"],
        groq["base_url"],
        groq["missing_key"],
    )
    assert [("vault:groq", "...cdef", "refused", True), ("env:GROQ", "...3210", "ready", False)] == [
        (key["name"], key["masked"], key["standing"], 589 < key["ready_in_s"] < 600) for key in groq["keys"]
    ]
    (health,) = groq["models"]
    assert {"model": "llama", "breaker": "closed", "successes": 1, "failures": 1, "latency_ms": 250.0} == {
        name: health[name] for name in ("model", "breaker", "successes", "failures", "latency_ms")
    }
    assert (True, [], True) == (xai["missing_key"], xai["models"], ollama["local"])
    (client,) = document["clients"]
    assert ("api.openai.com", "gpt-4o", 3, "500: boom") == (
        client["host"],
        client["model"],
        client["failures"],
        client["last_error"],
    )


def test_it_says_who_is_asked_later_and_why() -> None:
    """What the order is made by: the share of failures, the time to the first words, and when it is tried again."""
    cloud = cloud_of(CONFIG, SECRETS.get)
    plan = plan_for(cloud.chains, model="gpt-4o", host="api.openai.com", client="")
    assert plan is not None
    acts = script(client=[Act(BEGUN.result, 2.0), status(503), status(503)] * 8, groq=[BEGUN])
    for _ in range(10):
        Drive().run(plan, cloud.state, acts)
    (client,) = report(cloud, 10.0)["clients"]
    assert ("failing", "closed", True) == (client["behind"], client["breaker"], 0.4 < client["error_rate"] < 0.8)
    assert (2000.0, 2000.0) == (client["first_words_ms"], client["usual_first_words_ms"])
    assert 0 < client["tried_in_place_in_s"] <= 30
    (groq,) = report(cloud, 10.0)["providers"][0]["models"]
    assert ("", 0.0, 0.0) == (groq["behind"], groq["error_rate"], groq["tried_in_place_in_s"])


def test_it_holds_no_secret() -> None:
    """It is JSON, and no key stands in it."""
    text = json.dumps(report(cloud_of(CONFIG, SECRETS.get), 0.0))
    assert all(secret not in text for secret in SECRETS.values())
