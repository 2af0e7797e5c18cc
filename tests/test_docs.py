"""What the documents say is what the code does."""

import re
import runpy
from pathlib import Path

import pytest

from isartor_addon import cli
from isartor_addon.config.keys import keys
from isartor_addon.intake import CONTROL_HEADERS
from isartor_addon.layers.cloud.quota_layer import QuotaLayer
from isartor_addon.layers.exact.layer import ExactLayer
from isartor_addon.proxy.convert import PROVIDER_TAG
from isartor_addon.proxy.show import MARKS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "certs" / "README.md", ROOT / "CHANGELOG.md"]


def test_the_table_of_settings_is_the_schema() -> None:
    """`scripts/docs` would change nothing."""
    assert README == runpy.run_path(str(ROOT / "scripts" / "docs.py"))["written"](README)


def test_settings_named_in_the_text_exist() -> None:
    """Every `cache.ttl_s`, `isartor_...` and `ISARTOR_...` that a document names is a setting."""
    known = {name for key in keys() for name in (key.name, key.option, key.env)} | {
        "ISARTOR_CONFIG",
        "ISARTOR_PYTHON",
        "ISARTOR_VAULT_PASSPHRASE",
        "isartor_addon",
        "isartor_not_recorded",
        "isartor_over_quota",
    }
    named = {
        name
        for document in DOCUMENTS
        for name in re.findall(
            r"(?<![.\w])(?:cache|door)\.[a-z_]+\b|\bisartor_[a-z_]+\b|\bISARTOR_[A-Z_]+\b", document.read_text()
        )
    }
    assert set() == named - known


def test_every_verb_is_named() -> None:
    """Each verb of the command line stands in the README, and no other."""
    named = {
        verb for verb in re.findall(r"isartor (?:--[a-z]+ )?([a-z][a-z-]+)", README) if verb not in ("addon", "for")
    }
    assert set() == named - set(cli.VERBS)
    assert set() == set(cli.VERBS) - named - {"addon-path"}


def test_every_header_is_named() -> None:
    """The headers that we read and write stand in the README, and no other."""
    named = set(re.findall(r"x-isartor-[a-z]+", README))
    said = {"x-isartor-layer", "x-isartor-deflected", "x-isartor-provider", "x-isartor-key", "x-isartor-age"}
    said |= {"x-isartor-similarity", "x-isartor-matched", "x-isartor-quota"}
    said |= {"x-isartor-model", "x-isartor-attempts", "x-isartor-stale"}
    assert named == said | set(CONTROL_HEADERS) - {"x-isartor-ticket"}


def test_layers_and_marks_are_named() -> None:
    """Tags and marks in the README are those of the code."""
    for tag in (ExactLayer.tag, QuotaLayer.tag, PROVIDER_TAG):
        assert f"`{tag}`" in README
    assert {"fault"} == {name for name, mark in MARKS.items() if mark not in README}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link is a file or folder."""
    links = re.findall(r"\]\((?!http)([^)#]+)", document.read_text())
    assert [] == [link for link in links if not (document.parent / link).exists()]


def test_files_named_in_the_contributors_text_exist() -> None:
    """Every path in backticks with a slash and an ending is there."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = re.findall(
        r"`((?:core|wire|clients|layers|store|config|proxy|cli|tests|scripts)/[a-z_/]+\.(?:py|md))`", text
    )
    there = [path for path in paths if (ROOT / path).exists() or (ROOT / "isartor_addon" / path).exists()]
    assert paths == there
    assert paths
