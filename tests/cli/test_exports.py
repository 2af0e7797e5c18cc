"""What is exported, how each shell reads it, and the way back."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from isartor_addon.cli.exports import SAVED, SHELLS, Shell, Target, exports, saved, without_exports, write
from isartor_addon.clients import CLIENTS
from isartor_addon.core.client import Client

TARGET = Target("127.0.0.1:8080", Path("/home/o'neil/ca.pem"), Path("/home/o'neil/all.pem"))
NASTY = "it's \"$HOME\" `id` \\ \\' $(id) %PATH% ! # ; & | * ?\n\ttwo \u2019lines\u2018 ü"


def read_back(shell: Shell, script: str, names: list[str], environ: dict[str, str]) -> dict[str, str | None]:
    """Run `script` in a real shell and give the environment that its children see."""
    program = {"bash": ["bash", "--norc"], "zsh": ["zsh", "-f"], "fish": ["fish", "--no-config"]}[shell]
    done = subprocess.run(
        [*program, "-c", f"{script}\nenv -0"], env=environ, capture_output=True, check=True, timeout=30
    )
    # Decoded here: reading as text would make a line feed of every carriage return.
    seen = dict(each.split("=", 1) for each in done.stdout.decode().split("\0") if "=" in each)
    return {name: seen.get(name) for name in names}


def installed(*shells: Shell) -> list[Shell]:
    """Those shells that are on this machine."""
    return [shell for shell in shells if shutil.which(shell)]


@pytest.mark.parametrize("shell", installed("bash", "zsh", "fish"))
def test_shells_read_what_was_written(shell: Shell) -> None:
    """Quotes, dollars, backslashes and newlines arrive as they are; unset variables are gone."""
    environ = {"PATH": os.environ["PATH"], "GONE": "x"}
    script = write({"NASTY": NASTY, "EMPTY": "", "GONE": None, "NEVER": None}, shell)
    expected = {"NASTY": NASTY, "EMPTY": "", "GONE": None, "NEVER": None}
    assert expected == read_back(shell, script, list(expected), environ)


@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=30))
@example("\r")
@settings(max_examples=25)
def test_bash_reads_any_text(value: str) -> None:
    """No value breaks out of its quotes."""
    script = write({"VALUE": value}, "bash")
    assert {"VALUE": value} == read_back("bash", script, ["VALUE"], {"PATH": os.environ["PATH"]})


def test_powershell_quotes_are_doubled() -> None:
    """PowerShell takes five characters for a single quote; each is doubled. `$null` removes."""
    assert "$env:A = 'it''s \u2019\u2019 $x'\n$env:B = $null\n" == write(
        {"A": "it's \u2019 $x", "B": None}, "powershell"
    )


def test_fish_escapes_backslashes() -> None:
    """In fish's single quotes a backslash escapes itself and the quote."""
    assert "set -gx A 'a\\\\b\\'c'\nset -e B\n" == write({"A": "a\\b'c", "B": None}, "fish")


def test_variables_name_proxy_root_and_bundle() -> None:
    """Variables that replace a tool's roots get the bundle; the one that adds to them gets the root alone."""
    variables = exports(TARGET, {})
    bundle, root = str(TARGET.bundle), str(TARGET.certificate)
    expected = {
        "HTTPS_PROXY": "http://127.0.0.1:8080",
        "NO_PROXY": "localhost,127.0.0.1,::1",
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "CODEX_CA_CERTIFICATE": bundle,
        "NODE_EXTRA_CA_CERTS": root,
        "NODE_USE_ENV_PROXY": "1",
    }
    assert expected == {name: variables[name] for name in expected}
    assert {"https_proxy", "no_proxy", SAVED} == variables.keys() - expected.keys()


def test_users_own_roots_and_exceptions_are_kept() -> None:
    """Roots that the user has added to Node stay (they are in the bundle), and so do hosts without a proxy."""
    variables = exports(TARGET, {"NODE_EXTRA_CA_CERTS": "/corp.pem", "NO_PROXY": "corp.example, localhost"})
    assert str(TARGET.bundle) == variables["NODE_EXTRA_CA_CERTS"]
    assert "corp.example,localhost,127.0.0.1,::1" == variables["no_proxy"]


def test_token_is_the_password_of_the_proxy() -> None:
    """The token stands in the proxy's address, encoded where an address needs it."""
    assert "http://isartor:a%2Fb%40c@127.0.0.1:8080" == Target("127.0.0.1:8080", Path("c"), Path("b"), "a/b@c").url


def test_tools_own_needs_are_added() -> None:
    """A client's table may ask for further variables; it does not change the common ones."""
    tool = Client("tool", environment={"TOOL_CA": "{ca}", "TOOL_PROXY": "{proxy}!", "SSL_CERT_FILE": "other"})
    variables = exports(TARGET, {}, [tool])
    assert str(TARGET.certificate) == variables["TOOL_CA"]
    assert "http://127.0.0.1:8080!" == variables["TOOL_PROXY"]
    assert str(TARGET.bundle) == variables["SSL_CERT_FILE"]


NAMES = st.sampled_from([*exports(TARGET, {}), "PATH", "HOME"])
ENVIRONS = st.dictionaries(NAMES.filter(lambda name: name != SAVED), st.text("ab'\"\\,=", max_size=5))


@given(ENVIRONS)
def test_way_back_leads_where_it_began(before: dict[str, str]) -> None:
    """With the exports undone the environment is what it was; exporting twice saves nothing of ours."""
    once = before | exports(TARGET, before, CLIENTS.values())
    again = once | exports(TARGET, without_exports(once), CLIENTS.values())
    assert once == again
    assert before == without_exports(again)


@pytest.mark.parametrize("held", ["", "{", "[]", "1", '{"A B": "x", "C": 1}'])
def test_damaged_memory_restores_nothing(held: str) -> None:
    """What was saved is not trusted: damaged or odd content is ignored."""
    assert {} == saved({SAVED: held})


@pytest.mark.parametrize("shell", installed("bash", "zsh", "fish"))
def test_shell_goes_there_and_back(shell: Shell) -> None:
    """The exports and `--unset` of a real shell give back what was set before, and nothing else."""
    before = {"PATH": os.environ["PATH"], "SSL_CERT_FILE": "/corp's.pem"}
    variables = exports(TARGET, before)
    back: dict[str, str | None] = {**dict.fromkeys(variables), **saved(variables), SAVED: None}
    seen = read_back(shell, write(variables, shell) + write(back, shell), list(variables), before)
    assert {**dict.fromkeys(variables), "SSL_CERT_FILE": "/corp's.pem"} == seen
    assert "/corp's.pem" == json.loads(variables[SAVED])["SSL_CERT_FILE"]


def test_every_shell_can_be_written() -> None:
    """Each shell that can be asked for gives one command a variable."""
    assert [2] * len(SHELLS) == [len(write({"A": "x", "B": None}, shell).splitlines()) for shell in SHELLS]
