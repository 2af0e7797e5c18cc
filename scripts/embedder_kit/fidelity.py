"""How near the shipped model's vectors are to the official one's."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from embedder_kit.reference import Reference
from embedder_kit.weights import Official
from isartor_addon.models.onnx_embedder import OnnxEmbedder

LEAST = 0.997
"""Cosine to the official vector that every text must reach."""
LEAST_MEAN = 0.9995


def references(source: Official, texts: Sequence[str]) -> NDArray[np.float64]:
    """The official model's vectors [texts, 384]."""
    reference = Reference(source)
    return np.array([reference.embed(text) for text in texts])


async def show(source: Official, texts: Sequence[str]) -> int:
    """Print the figures; 1 where they are not good enough. Texts that are not read in one window are left out."""
    with closing(OnnxEmbedder()) as embedder:
        texts = [text for text in texts if await embedder.windows(text) == 1]
        ours = np.array(await embedder.embed(texts))
    cosines = (ours * references(source, texts)).sum(axis=1)
    print(f"{len(texts)} texts: cosine to the official vector min {cosines.min():.4f}, mean {cosines.mean():.5f}")
    for place in cosines.argsort()[:5]:
        print(f"  {cosines[place]:.4f}  {texts[place][:80]!r}")
    return 0 if cosines.min() >= LEAST and cosines.mean() >= LEAST_MEAN else 1
