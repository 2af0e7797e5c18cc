"""Settings of providers and chains, made into what the chain works with."""

from __future__ import annotations

import pytest

from isartor_addon.config.schema import ChainTable, Config, ProviderTable
from isartor_addon.core.errors import ConfigError
from isartor_addon.layers.cloud.configured import chains_of, pools_of, providers_of
from isartor_addon.layers.cloud.plan import Plan, plan_for

PROVIDERS = (
    ProviderTable(name="anthropic", key=("vault:anthropic",)),
    ProviderTable(name="openrouter", key=("env:OPENROUTER_API_KEY",)),
    ProviderTable(name="groq", key=("vault:groq", "vault:groq2")),
    ProviderTable(name="openai", key=("client",)),
    ProviderTable(name="local", base_url="http://127.0.0.1:8000/v1", model="qwen3"),
)


def chain(*names: str, patterns: tuple[str, ...] = ("*",)) -> ChainTable:
    """A chain for everything."""
    return ChainTable(for_=patterns, try_=names)


def plan(
    config: Config, model: str = "claude-opus-5", host: str = "api.anthropic.com", client: str = ""
) -> Plan | None:
    """What `config` makes of a request."""
    return plan_for(chains_of(config), model=model, host=host, client=client)


def names(plan: Plan | None) -> list[tuple[str, str]]:
    """Providers and models of a plan."""
    return [(each.provider.name if each.provider else "client", each.model) for each in (plan.targets if plan else ())]


def test_targets_are_read_as_they_are_meant() -> None:
    """`client`, a provider, a provider with a model, and the user's own server become targets in that order."""
    tried = ("client", "anthropic", "openrouter/anthropic/claude-sonnet-4", "groq/llama-3.3-70b-versatile", "local")
    config = Config(providers=PROVIDERS, chain=(chain(*tried),))
    assert [
        ("client", "claude-opus-5"),
        ("anthropic", "claude-opus-5"),
        ("openrouter", "anthropic/claude-sonnet-4"),
        ("groq", "llama-3.3-70b-versatile"),
        ("local", "qwen3"),
    ] == names(plan(config))


@pytest.mark.parametrize(
    ("patterns", "concerned"),
    [
        (("host:api.anthropic.com", "client:aider"), False),
        (("host:api.anthropic.com", "client:codex"), True),
        (("host:*.openai.com",), True),
        (("claude-*",), True),
        (("*",), True),
    ],
)
def test_whose_requests_may_go_elsewhere_is_known_before_a_model_is_named(
    patterns: tuple[str, ...], *, concerned: bool
) -> None:
    """By host and tool; a pattern of models may be for any of them, and so may another name for a model."""
    chains = chains_of(Config(providers=PROVIDERS, chain=(chain("groq", patterns=patterns),)))
    assert chains.may_concern("api.openai.com", "codex") is concerned
    assert not chains_of(Config()).may_concern("api.openai.com", "codex")
    assert chains_of(Config(model_aliases={"fast": "gpt-4o-mini"})).may_concern("api.openai.com", "codex")


def test_the_first_rule_that_fits_counts() -> None:
    """Rules are for models, hosts and tools, by pattern, in order; where none fits, the request passes."""
    config = Config(
        providers=PROVIDERS,
        chain=(
            chain("groq", patterns=("claude-*",)),
            chain("local", patterns=("host:*.openai.com",)),
            chain("anthropic", patterns=("client:codex", "client:aider")),
        ),
    )
    assert [("groq", "openai/gpt-oss-120b")] == names(plan(config))
    assert [("local", "qwen3")] == names(plan(config, "gpt-4o", "api.openai.com"))
    assert [("anthropic", "claude-sonnet-5")] == names(plan(config, "gpt-4o", "chatgpt.com", "codex"))
    assert plan(config, "gpt-4o", "chatgpt.com", "cline") is None
    assert plan(config, "codex", "chatgpt.com", "cline") is None


def test_an_alias_renames_the_model_for_everybody() -> None:
    """An alias, and an alias of an alias, is asked for by the name it stands for; rules know all its names."""
    aliases = {"fast": "small", "small": "gpt-4o-mini"}
    config = Config(providers=PROVIDERS, model_aliases=aliases, chain=(chain("client", "local", patterns=("small",)),))
    assert [("client", "gpt-4o-mini"), ("local", "qwen3")] == names(plan(config, "fast"))
    alone = Config(model_aliases=aliases)
    assert ([("client", "gpt-4o-mini")], None) == (names(plan(alone, "fast")), plan(alone, "gpt-4o-mini"))


def test_the_clients_key_is_used_at_the_clients_provider_only() -> None:
    """A provider that is asked with the client's own key is a target only where the client's request goes there."""
    config = Config(providers=PROVIDERS, chain=(chain("openai", "local"),))
    assert ["openai", "local"] == [name for name, _ in names(plan(config, "gpt-4o", "api.openai.com"))]
    assert ["local"] == [name for name, _ in names(plan(config, "gpt-4o", "api.evil.example"))]
    nobody = Config(providers=PROVIDERS, chain=(chain("openai"),))
    assert plan(nobody, "gpt-4o", "api.evil.example") is None


def test_a_users_own_server_wants_no_key() -> None:
    """A server on this machine is asked without a key where none is said, any other as it is written."""
    mine = providers_of(
        [
            ProviderTable(name="local", base_url="http://127.0.0.1:8000/v1"),
            ProviderTable(name="far", base_url="https://llm.example.com/v1/chat/completions", key=("env:A",)),
            ProviderTable(name="azure", key=("env:A",), parameters={"resource": "acme"}, auth="bearer"),
            ProviderTable(name="ollama", base_url="http://gpu.lan:11434"),
            ProviderTable(name="open", base_url="https://llm.example.org/v1", auth="none", takes=("tools",)),
        ]
    )
    assert ("none", ("127.0.0.1",), True) == (mine["local"].auth, mine["local"].hosts, mine["local"].local)
    assert ("bearer", "https://llm.example.com/v1") == (mine["far"].auth, mine["far"].base_url)
    assert ("bearer", "https://acme.openai.azure.com/openai/v1") == (mine["azure"].auth, mine["azure"].base_url)
    assert ("ollama", "http://gpu.lan:11434", ("gpu.lan",)) == (
        mine["ollama"].wire,
        mine["ollama"].base_url,
        mine["ollama"].hosts,
    )
    assert (frozenset({"tools"}), "none") == (mine["open"].takes, mine["open"].auth)


def test_keys_that_are_missing_are_left_out() -> None:
    """A pool holds the keys that are there; a provider without any has an empty pool, and so is never asked."""
    pools = pools_of(PROVIDERS, {"vault:anthropic": "sk-1", "vault:groq2": "gsk-2"}.get)
    assert {
        "anthropic": ["sk-1"],
        "openrouter": [],
        "groq": ["gsk-2"],
        "openai": [""],
    } == {name: [held.key.secret for held in pool.held] for name, pool in pools.items()}
    assert pools["openai"].held[0].key.is_clients


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            Config(providers=(ProviderTable(name="opnai", key=("env:A",)),)),
            "`providers[0].name` is `opnai`, which the catalogue does not know (do you mean `openai`?): it needs ",
        ),
        (
            Config(providers=(ProviderTable(name="openai-compatible"),)),
            "`providers[0].base_url` is missing: `openai-compatible` has no address of its own.",
        ),
        (
            Config(providers=(ProviderTable(name="openai", key=("env:A",)), ProviderTable(name="openai"))),
            "`providers[1].name` is `openai`, which an earlier table has: give several keys as a list.",
        ),
        (
            Config(providers=(ProviderTable(name="openai"),)),
            "`providers[0].key` is missing: `openai` wants ",
        ),
        (
            Config(providers=(ProviderTable(name="azure", key=("env:A",)),)),
            "`providers[0].parameters` lacks `resource`, which `https://{resource}.openai.azure.com/openai/v1` needs",
        ),
        (
            Config(providers=(ProviderTable(name="openai", key=("env:A",), base_url="https://evil.example/v1"),)),
            "`providers[0].base_url` is `https://evil.example/v1`, but keys of `openai` go to api.openai.com and ",
        ),
        (
            Config(providers=(ProviderTable(name="mine", key=("env:A",), base_url="http://llm.example.com/v1"),)),
            "`providers[0].base_url` is `http://llm.example.com/v1`, but a key is not sent over plain HTTP ",
        ),
        (
            Config(providers=(ProviderTable(name="openai", key=("env:A",), takes=("tools", "smells")),)),
            "`providers[0].takes` holds `smells`: it may hold documents, images, ",
        ),
        (Config(chain=(chain("clint"),)), "`chain[0].try` names `clint`, which is no provider; the nearest is "),
        (Config(chain=(chain("groq"),)), "`chain[0].try` names `groq`, but no `[[providers]]` says its key."),
        (
            Config(chain=(chain("openai-compatible/m"),)),
            "`chain[0].try` names `openai-compatible`, which has no address: say it in `[[providers]]`.",
        ),
        (
            Config(chain=(chain("cerebras"),), providers=(ProviderTable(name="cerebras", key=("env:A",)),)),
            "`chain[0].try` names `cerebras` without a model: write `cerebras/MODEL`, or `model` in `[[providers]]`.",
        ),
        (Config(model_aliases={"a": "b", "b": "a"}), "`model_aliases` goes in a circle: a -> b -> a."),
        (Config(model_aliases={"a": ""}), "`model_aliases` gives `a` no model."),
    ],
)  # fmt: skip
def test_mistakes_are_named(config: Config, sentence: str) -> None:
    """A refusal is one sentence that names the setting and what stands there."""
    with pytest.raises(ConfigError) as caught:
        chains_of(config)
    assert sentence in str(caught.value)
