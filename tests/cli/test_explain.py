"""A key explains itself."""

import json
import time
from pathlib import Path

import pytest

from isartor_addon import clients, wire
from isartor_addon.assemble import open_journal
from isartor_addon.cli import main
from isartor_addon.config.schema import Config
from isartor_addon.core.exchange import Control, Exchange, Request
from isartor_addon.core.identity import Identity, digest, key_for

DAY_ONE, DAY_TWO = (
    b'{"body":{"messages":[{"content":"Today is %b","role":"system"}],"model":"gpt-4o"},"headers":{},"target":""}' % day
    for day in (b"Monday", b"Tuesday")
)
KEYS = tuple(key_for("me", digest(each)) for each in (DAY_ONE, DAY_TWO))


def exchange(flow: str, canonical: bytes) -> Exchange:
    """A request that has been answered by the provider."""
    (route, *_) = wire.find("POST", "api.openai.com", "/v1/chat/completions", {})
    content = digest(canonical)
    done = Exchange(
        id=flow,
        request=Request("POST", "https", "api.openai.com", 443, "/v1/chat/completions", {}, {}),
        route=route,
        body={},
        mode="json",
        client=clients.recognise({}),
        caller="me",
        identity=Identity(key_for("me", content), content, canonical),
        control=Control(),
        model="gpt-4o",
        started=time.time(),
    )
    done.note("l1a", "miss")
    done.note("l3", "forward")
    return done


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests have gone by, which differ in the date."""
    monkeypatch.setenv("ISARTOR_HOME", str(tmp_path))
    journal = open_journal(Config(home=str(tmp_path)))
    journal.record(exchange("flow-one", DAY_ONE), layer="l3", status=200)
    journal.record(exchange("flow-two", DAY_TWO), layer="l3", status=200)
    journal.close()


def test_requests_are_listed_newest_first(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a name the latest requests are listed, with the keys to ask for."""
    assert 0 == main(["explain"])
    lines = capsys.readouterr().out.splitlines()
    assert [KEYS[1][:16], KEYS[0][:16]] == [line.split()[2] for line in lines]


@pytest.mark.parametrize("which", ["flow-two", KEYS[1][:8], KEYS[1]])
def test_miss_names_the_field_that_differed(which: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A flow's id or a key's beginning shows the field in which it differs from the nearest request."""
    assert 0 == main(["explain", which])
    text = capsys.readouterr().out
    assert (True, True) == ("body.messages[0].content" in text, KEYS[0][:16] in text)


def test_two_requests_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    """Two names give the fields in which those two differ, also for programs."""
    assert 0 == main(["explain", "flow-one", "flow-two", "--json"])
    assert ["body.messages[0].content"] == json.loads(capsys.readouterr().out)["differs in"]
    assert 0 == main(["explain", "flow-one", KEYS[0][:10]])
    assert "differs in nothing" in capsys.readouterr().out


def test_one_request_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` gives key, trail and differences."""
    assert 0 == main(["explain", "flow-one", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert (KEYS[0], ["l1a miss", "l3 forward"]) == (document["key"], document["trail"])
    assert ["body.messages[0].content"] == document["differs in"]
