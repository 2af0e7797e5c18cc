"""Identity as a value: the key under which an answer is filed, and the reason when it must not be.

Exact key = hash(caller, what is asked). What is asked = the provider's address, the operation, the headers that select
behaviour, and everything in the body but what the client's table names as volatile (`core/canonical.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import orjson

from isartor_addon.core.prompt import Json

ANYONE = "anyone"
"""The caller of recordings that belong to nobody: cassettes, and what was imported from one."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a request asks, and for whom."""

    key: str
    """The exact key: 64 hex digits. Its first 16 are the short key that people see."""
    content: str
    """The same without the caller: 64 hex digits."""
    canonical: bytes = b""
    """What was hashed; see `fingerprint`."""
    run_ids: Mapping[str, str] = field(default_factory=dict)
    """The run's own ids that stand in the request, by name."""
    uncacheable: str = ""
    """Why no answer to this may be stored or served; empty when it may."""

    @property
    def short(self) -> str:
        """The key as people see it."""
        return self.key[:16]


def digest(*parts: bytes) -> str:
    """Hash `parts`, each with its length, to 64 hex digits."""
    state = blake2b(digest_size=32)
    for part in parts:
        state.update(len(part).to_bytes(8))
        state.update(part)
    return state.hexdigest()


def key_for(caller: str, content: str) -> str:
    """File `content` under `caller`."""
    return digest(caller.encode(), content.encode())


def fingerprint(canonical: bytes) -> dict[str, str]:
    """
    A short digest of every field of a canonical request, by path, so that two requests can be compared without keeping them.

    Args:
        canonical: `Identity.canonical`: a JSON object with `target`, `headers` and `body`.

    Returns:
        Path (`body.messages[3].content[0]`) to 16 hex digits; lists are opened two levels deep, other values are whole.
    """
    prints: dict[str, str] = {}

    def visit(path: str, value: Json, opened: int) -> None:
        if isinstance(value, dict) and value and opened < 3:
            for name, inner in value.items():
                visit(f"{path}.{name}" if path else name, inner, opened + (1 if path else 0))
        elif isinstance(value, list) and value and opened < 6:
            for number, inner in enumerate(value):
                visit(f"{path}[{number}]", inner, opened + 1)
        else:
            prints[path] = blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()

    visit("", orjson.loads(canonical.replace(b"\x00", b"")), 0)
    return prints


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The paths at which two fingerprints differ."""
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))
