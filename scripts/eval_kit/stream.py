"""A stream of prompts replayed: what the exact tier and the semantic layer would have answered, and whether rightly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from eval_kit.pairs import Pair
from eval_kit.vectors import embed
from isartor_addon.layers.ports import Embedder
from isartor_addon.layers.semantic.guard import Profile, features
from isartor_addon.layers.semantic.judge import embeddable, judge

if TYPE_CHECKING:
    from isartor_addon.layers.ports import Vector
    from isartor_addon.layers.semantic.guard import Features

CANDIDATES = 5
"""Nearest stored questions that are looked at."""


@dataclass(slots=True)
class Replay:
    """What became of a stream."""

    prompts: int = 0
    exact: int = 0
    right: int = 0
    wrong: int = 0
    unlabelled: int = 0
    """Hits that the labels say nothing about."""
    hits: list[tuple[str, str, str]] = field(default_factory=list)
    """Each semantic hit: what was stored, what was asked, and `right`, `wrong` or `unlabelled`."""

    @property
    def deflection(self) -> float:
        """Share of prompts that were answered from the store."""
        return (self.exact + len(self.hits)) / self.prompts if self.prompts else 0.0


async def replay(
    prompts: Sequence[str], labels: Sequence[Pair], profile: Profile, threshold: float | None, embedder: Embedder
) -> Replay:
    """Ask one prompt after the other; what is not answered is stored."""
    said = {prompt: embeddable(prompt) for prompt in prompts}
    vectors = await embed(said.values(), embedder)
    verdicts = _verdicts(labels)
    done = Replay(prompts=len(prompts))
    stored: dict[str, Features] = {}
    matrix: list[Vector] = []
    keys: list[str] = []
    for prompt in prompts:
        if prompt in stored:
            done.exact += 1
            continue
        read, vector = features(prompt), vectors.get(said[prompt])
        match = _match(vector, read, matrix, keys, stored, profile, threshold)
        if match is None:
            stored[prompt] = read
            if vector is not None:
                matrix.append(vector)
                keys.append(prompt)
            continue
        verdict = verdicts.get(frozenset((match, prompt)), "unlabelled")
        done.hits.append((match, prompt, verdict))
        setattr(done, verdict, getattr(done, verdict) + 1)
    return done


def _match(
    vector: Vector | None,
    read: Features,
    matrix: Sequence[Vector],
    keys: Sequence[str],
    stored: Mapping[str, Features],
    profile: Profile,
    threshold: float | None,
) -> str | None:
    if vector is None or not matrix:
        return None
    near = np.asarray(matrix) @ vector
    for at in np.argsort(-near)[:CANDIDATES]:
        if judge(float(near[at]), stored[keys[at]], read, profile, threshold) is None:
            return keys[at]
    return None


def _verdicts(labels: Sequence[Pair]) -> Mapping[frozenset[str], str]:
    return {frozenset((pair.a, pair.b)): "right" if pair.same else "wrong" for pair in labels}
