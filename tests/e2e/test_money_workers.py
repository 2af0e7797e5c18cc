"""Fear: each worker of a proxy has a budget of its own, or one that starts anew forgets what was used."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.harness import wait_for
from tests.e2e.test_workers import Up, alive, ask
from tests.fake import Provider

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="one process there")

LIMIT = 10
QUOTA = [{"name": "budget", "window": "month", "requests": LIMIT, "warn_at": 0.8}]


@pytest.fixture
def up(provider: Provider, tmp_path: Path) -> Iterator[Up]:
    """Two workers with one budget."""
    running = Up(tmp_path, provider, "--workers", "2", "--set", f"isartor_quotas={json.dumps(QUOTA)}")
    yield running
    running.command("stop", "--home", str(running.home))


def test_workers_share_a_budget(up: Up, provider: Provider, words: str) -> None:
    """Of 24 different requests on eight connections at once ten go, of which two are warned of; then none, also by a
    worker that has taken the place of a killed one.
    """
    connections = [up.connect() for _ in range(8)]
    assert [True] * 8 == [alive(each) for each in connections]

    def three(number: int) -> list[tuple[int, str]]:
        came = []
        with closing(connections[number]) as connection:
            for each in range(3):
                response = ask(connection, f"{number} {each} {words}")
                came.append((response.status, response.headers["x-isartor-quota"] or ""))
                response.read()
        return came

    with ThreadPoolExecutor(8) as pool:
        came = [each for part in pool.map(three, range(8)) for each in part]
    assert LIMIT == provider.generations(words)
    assert [200] * LIMIT + [400] * 14 == sorted(status for status, _ in came)
    assert ["", "8/10", "9/10"] == sorted({told[8:12] for status, told in came if status == 200})
    assert {"budget: 10/10 requests in this month"} == {told for status, told in came if status == 400}

    before = up.running.workers
    for pid in before:
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda gone=pid: gone not in up.running.workers and len(set(up.running.workers)) == 2, "another")
    with closing(up.connect()) as connection:
        assert 400 == ask(connection, f"after {words}").status
    assert LIMIT == provider.generations(words)
