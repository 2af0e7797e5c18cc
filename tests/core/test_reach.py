"""Where a connection may lead while nothing is to leave."""

from __future__ import annotations

import pytest

from isartor_addon.core.reach import Reach


@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("localhost", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("secret.localhost", False),
        ("localhost.example.com", False),
        ("0.0.0.0", False),
        ("2130706433", False),
        ("::ffff:8.8.8.8", False),
        ("llm.lan.", True),
        ("xllm.lan", False),
        ("a.b.corp", True),
        ("corp", True),
        ("acorp", False),
    ],
)
def test_offline_only_this_machine_and_named_hosts_are_reached(host: str, may: bool) -> None:
    """No name leads out that a resolver elsewhere might be asked for, however much it looks like this machine's."""
    assert Reach(offline=True, hosts=("llm.lan", ".corp")).allows(host, 443) is may
