"""What the semantic layer needs from the world, in one piece: each of its parts needs most of it."""

from __future__ import annotations

from dataclasses import dataclass

from isartor_addon.layers.ports import Answers, Clock, Embedder, Evidence, Vectors


@dataclass(frozen=True, slots=True)
class World:
    """The ports; see `layers/ports.py`."""

    answers: Answers
    """Where the exact layer keeps what is learned; the semantic layer only says which of it is the same."""
    vectors: Vectors
    """Which of it is near."""
    embedder: Embedder
    """How near."""
    evidence: Evidence
    """What checks have shown."""
    clock: Clock
