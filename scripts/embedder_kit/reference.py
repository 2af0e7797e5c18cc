"""The model as published, in float64 and plain numpy: what the shipped one is compared with.

BERT (Devlin et al. 2018) with mean pooling, as sentence-transformers runs this model. It shares nothing with the graph
that is shipped but the official weights. Dimensions in comments: S tokens, D = 384, H = 12 heads.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from embedder_kit.weights import EPSILON, HEADS, Official

type Vector = NDArray[np.float64]

_erf = np.vectorize(math.erf, otypes=[np.float64])


class Reference:
    """Texts of up to 256 tokens to vectors; what is longer is cut, as sentence-transformers does."""

    def __init__(self, official: Official) -> None:
        self._tensors = {name: tensor.astype(np.float64) for name, tensor in official.tensors.items()}
        self._layers = official.layers
        self._tokenizer = Tokenizer.from_str(official.tokenizer.decode())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(256)

    def embed(self, text: str) -> Vector:
        """The vector of `text` at unit length [D]."""
        tensors = self._tensors
        ids = self._tokenizer.encode(text).ids
        x = (
            tensors["embeddings.word_embeddings.weight"][ids]
            + tensors["embeddings.position_embeddings.weight"][: len(ids)]
            + tensors["embeddings.token_type_embeddings.weight"][0]
        )
        x = self._normalised(x, "embeddings")
        for number in range(self._layers):
            layer = f"encoder.layer.{number}"
            attended = self._linear(self._context(x, f"{layer}.attention.self"), f"{layer}.attention.output.dense")
            y = self._normalised(x + attended, f"{layer}.attention.output")
            inner = self._linear(y, f"{layer}.intermediate.dense")
            gelu = inner * 0.5 * (1 + _erf(inner / math.sqrt(2)))
            x = self._normalised(y + self._linear(gelu, f"{layer}.output.dense"), f"{layer}.output")
        mean = x.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def _context(self, x: Vector, name: str) -> Vector:
        """What each token takes from all others [S, D]."""
        # [H, S, D / H] each
        q, k, v = (
            self._linear(x, f"{name}.{part}").reshape(len(x), HEADS, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return (weights @ v).transpose(1, 0, 2).reshape(x.shape)

    def _linear(self, x: Vector, name: str) -> Vector:
        return x @ self._tensors[f"{name}.weight"].T + self._tensors[f"{name}.bias"]

    def _normalised(self, x: Vector, name: str) -> Vector:
        weight, bias = (self._tensors[f"{name}.LayerNorm.{part}"] for part in ("weight", "bias"))
        centred = x - x.mean(axis=-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON) * weight + bias
