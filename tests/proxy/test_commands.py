"""Commands that people give in mitmproxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from mitmproxy import exceptions
from mitmproxy.test import tflow

from isartor_addon.assemble import House, build
from isartor_addon.config.schema import Config
from isartor_addon.proxy.commands import Commands
from tests.store.making import entry


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house with a home of its own."""
    with closing(build(Config(home=str(tmp_path)))) as built:
        yield built


def test_wrong_takes_the_answer_back(house: House) -> None:
    """`isartor.wrong @focus` removes what the flow was given, once; of other flows it says so."""
    stored, flow = replace(entry(1), expires=1e12), tflow.tflow()
    house.store.put(stored)
    commands = Commands(lambda: house)
    with pytest.raises(exceptions.CommandError, match="no answer"):
        commands.wrong(flow)
    flow.metadata["isartor"] = {"key": stored.key}
    assert stored.key[:16] in commands.wrong(flow)
    assert house.store.find(stored.key) is None
    with pytest.raises(exceptions.CommandError, match="no answer"):
        commands.wrong(flow)
