"""Lists of tables in the config file: `[[providers]]`, `[[chain]]`."""

from __future__ import annotations

from pathlib import Path

import pytest

from isartor_addon.config.load import load
from isartor_addon.config.schema import ChainTable, ProviderTable
from isartor_addon.core.errors import ConfigError

TEXT = """
model_aliases = { fast = "gpt-4o-mini" }
[[providers]]
name = "openai"
key = "vault:openai"
[[providers]]
name = "mine"
base_url = "http://127.0.0.1:8000/v1"
key = ["env:A", "env:B"]
key_order = "priority"
[[chain]]
for = "claude-*"
try = ["client", "mine/llama"]
retries = 1
"""
PROVIDERS = (
    ProviderTable(name="openai", key=("vault:openai",)),
    ProviderTable(name="mine", base_url="http://127.0.0.1:8000/v1", key=("env:A", "env:B"), key_order="priority"),
)


def test_tables_are_read(tmp_path: Path) -> None:
    """Arrays of tables in TOML become records, in order; one text may stand for a list of one."""
    file = tmp_path / "c.toml"
    file.write_text(TEXT)
    config = load(file=file, environ={})
    assert PROVIDERS == config.providers
    assert (ChainTable(for_=("claude-*",), try_=("client", "mine/llama"), retries=1),) == config.chain
    assert {"fast": "gpt-4o-mini"} == config.model_aliases


def test_the_environment_says_them_in_json() -> None:
    """Elsewhere than in the file a list of tables is a JSON array of objects."""
    text = '[{"name": "openai", "key": "vault:openai"}]'
    assert PROVIDERS[:1] == load(environ={"ISARTOR_PROVIDERS": text}).providers


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("key = 'vault:a'", "`providers[0]` is `***`, but it needs `name`."),
        ("name = 'My Own'", "`providers[0].name` is `My Own`, but it must be lower-case letters, digits, "),
        ("name = 1", "`providers[0].name` is `1`, but it needs a text."),
        ("name = 'a'\nurl = 'x'", "`providers[0], a name` is `url`, but it must be one of name, key, "),
        ("name = 'a'\nwire = 'grpc'", "`providers[0].wire` is `grpc`, but it must be `openai_chat` or "),
        ("name = 'a'\nbase_url = 'a.example'", "`providers[0].base_url` is `a.example`, but it must be an `http://` "),
        ("name = 'a'\nkey = 'file:x'", "`providers[0].key` is `***`, but it must be `vault:NAME`, `env:VARIABLE`, "),
        ("name = 'a'\nkey = ['client', 'env:A']", "`providers[0].key` is `***`, but it must be `client` alone"),
        ("name = 'a'\nheaders = {X-Api-Key = 'b'}", "`providers[0].headers` is `***`, but it must not hold"),
        ("name = 'a'\nparameters = {region = 'a/b'}", "but it must hold letters, digits, "),
        ("name = 'a'\n[[chain]]\nfor = 'a'\ntry = []", "`chain[0].try` is `[]`, but it needs at least one name."),
        ("name = 'a'\n[[chain]]\nfor = 'a'\ntry = 'b'\nretries = -1", "`chain[0].retries` is `-1`, but it must not "),
        ("name = 'a'\n[[chain]]\nfor = 'a'\ntry = 'b'\ndeadline_s = 0", "`chain[0].deadline_s` is `0.0`, but it must"),
        ("name = 'a'\n[[chain]]\nfor = 'a'\ntry = 'b'\nhedge_after = -0.5", "`chain[0].hedge_after` is `-0.5`, but "),
        ("name = 'a'\n[[chain]]\nfor = 'a'\ntry = 'b'\nhedge_after = inf", "`chain[0].hedge_after` is `inf`, but "),
    ],
)  # fmt: skip
def test_mistakes_are_named(tmp_path: Path, table: str, sentence: str) -> None:
    """A refusal is one sentence that names the file, the table, the field and what stands there."""
    file = tmp_path / "c.toml"
    file.write_text(f"[[providers]]\n{table}\n")
    with pytest.raises(ConfigError) as caught:
        load(file=file, environ={})
    assert f"In the config file {file}, " in str(caught.value)
    assert sentence in str(caught.value)


def test_a_secret_in_the_wrong_place_is_not_shown(tmp_path: Path) -> None:
    """Whoever writes a key itself into the file is told so without the key."""
    for line in (
        "key = 'sk-hush1234'",
        "key = ['env:A', 'sk-hush1234']",
        "headers = {cookie = 'sk-hush1234'}",
    ):
        file = tmp_path / "c.toml"
        file.write_text(f"[[providers]]\nname = 'a'\n{line}\n")
        with pytest.raises(ConfigError) as caught:
            load(file=file, environ={})
        assert "hush" not in str(caught.value)
