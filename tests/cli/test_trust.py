"""`isartor trust` and `isartor config`: what is shown of the CA and of the settings. Its store: `tests/trust`."""

import json
import re
from pathlib import Path

import pytest

from isartor_addon.cli import main
from isartor_addon.config.keys import keys


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting comes from whoever runs the tests."""
    monkeypatch.setenv("ISARTOR_HOME", str(tmp_path))
    monkeypatch.delenv("ISARTOR_CONFIG", raising=False)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a verb prints that succeeds."""
    assert 0 == main(list(words))
    return capsys.readouterr().out


def test_trust_makes_the_ca_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The first call makes the CA, the second shows the same one; `--print` is the file of the root."""
    first = json.loads(said(capsys, "trust", "--json"))
    assert first == json.loads(said(capsys, "trust", "--json"))
    assert (str(tmp_path / "ca" / "mitmproxy-ca-cert.pem"), False) == (first["certificate"], first["system"])
    assert "api.openai.com" in first["domains"]
    assert (tmp_path / "ca" / "mitmproxy-ca-cert.pem").read_text() == said(capsys, "trust", "--print")


def test_trust_is_said_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """It says for how many domains the CA is good, and that the system does not trust it."""
    lines = dict(line.split(maxsplit=1) for line in said(capsys, "trust").splitlines())
    assert re.fullmatch(r"[1-9][0-9]+, and nothing else", lines["domains"])
    assert "does not trust it" == lines["system"]


def test_trust_says_which_hosts_need_a_new_ca(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host added later is not covered until `--renew`, which makes another root."""
    old = json.loads(said(capsys, "trust", "--json"))
    monkeypatch.setenv("ISARTOR_HOSTS", '["llm.example.com"]')
    assert ["llm.example.com"] == json.loads(said(capsys, "trust", "--json"))["not covered"]
    assert "llm.example.com (`isartor trust --renew`)" in said(capsys, "trust")
    said(capsys, "trust", "--renew")
    new = json.loads(said(capsys, "trust", "--json"))
    assert ([], True) == (new["not covered"], old["sha256"] != new["sha256"])


def test_remove_keeps_the_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`--remove` says that there is none; what the system does not trust need not be removed, and the files stay."""
    assert f"there is no certificate authority in {tmp_path / 'ca'}\n" == said(capsys, "trust", "--remove")
    made = json.loads(said(capsys, "trust", "--json"))
    assert f"the system does not trust {made['name']}; its files stay in" in said(capsys, "trust", "--remove")
    assert made == json.loads(said(capsys, "trust", "--json"))


def test_config_says_what_holds_and_who_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every setting is listed once; one from the file and one from the environment name where they come from."""
    (tmp_path / "config.toml").write_text("[cache]\nttl_s = 60\n")
    monkeypatch.setenv("ISARTOR_CACHE_SIZE_MB", "5")
    home, *lines = said(capsys, "config").splitlines()
    assert f"# home: {tmp_path}" == home
    assert [key.name for key in keys()] == [line.split()[0] for line in lines]
    shown = json.loads(said(capsys, "config", "--json"))
    assert ("60", "5") == tuple(str(shown[name]["value"]) for name in ("cache.ttl_s", "cache.size_mb"))
    assert "config.toml" in shown["cache.ttl_s"]["source"]
    assert "ISARTOR_CACHE_SIZE_MB" in shown["cache.size_mb"]["source"]
    assert "default" == shown["cache.ttl_by_host"]["source"]


def test_config_prints_the_table_of_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    """`--table` is what stands in README.md."""
    assert said(capsys, "config", "--table") in (Path(__file__).parents[2] / "README.md").read_text()
