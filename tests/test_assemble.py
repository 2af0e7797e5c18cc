"""Putting the house together."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from isartor_addon.assemble import open_cloud
from isartor_addon.config.schema import Config, ProviderTable
from isartor_addon.store.vault import Vault


def test_keys_are_read_where_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys come from the vault and the environment, white space taken off; what is no key is left out, and named."""
    Vault(tmp_path).put("stored", "sk-stored")
    monkeypatch.setenv("GIVEN", " sk-given\n")
    monkeypatch.setenv("STRANGE", "sk-\u00e9")
    monkeypatch.setenv("EMPTY", "")
    sources = ("vault:stored", "vault:gone", "env:GIVEN", "env:STRANGE", "env:EMPTY", "env:GONE")
    with caplog.at_level(logging.WARNING):
        cloud = open_cloud(Config(home=str(tmp_path), providers=(ProviderTable(name="openai", key=sources),)))
    assert ["sk-stored", "sk-given"] == [held.key.secret for held in cloud.state.pools["openai"].held]
    assert {"vault:gone", "env:STRANGE", "env:EMPTY", "env:GONE"} == {
        source for source in sources if f"the key {source} " in caplog.text
    }
    assert "sk-" not in caplog.text


def test_a_vault_that_cannot_be_opened_costs_its_keys_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With another passphrase the proxy starts all the same, with the keys that it can read."""
    Vault(tmp_path, passphrase="right").put("stored", "sk-stored")
    monkeypatch.setenv("ISARTOR_VAULT_PASSPHRASE", "wrong")
    monkeypatch.setenv("GIVEN", "sk-given")
    table = ProviderTable(name="openai", key=("vault:stored", "env:GIVEN"))
    with caplog.at_level(logging.WARNING):
        cloud = open_cloud(Config(home=str(tmp_path), providers=(table,)))
    assert ["env:GIVEN"] == [held.key.name for held in cloud.state.pools["openai"].held]
    assert "cannot be opened" in caplog.text
