"""The model that is shipped: where its files are, and what they are by their hashes.

all-MiniLM-L6-v2 of sentence-transformers (Apache-2.0) with its weights in 8 bits. `scripts/build_embedder` makes the
files from the official weights and checks them by these hashes; `minilm/NOTICE` says where they come from.
"""

from __future__ import annotations

from pathlib import Path

NAME = "all-MiniLM-L6-v2"
FOLDER = Path(__file__).parent / "minilm"
MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"

MODEL_SHA256 = "3fd64987374bc92cd6c143dd808636d9f1a1b6c2a6768c646befb5088bd4a220"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
