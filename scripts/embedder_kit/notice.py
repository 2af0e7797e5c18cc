"""What is said of the shipped model: where it comes from, under which licence, and what was changed."""

from __future__ import annotations

from hashlib import sha256

from embedder_kit.graph import BLOCK, QKV_BLOCK
from embedder_kit.weights import REVISION, WEIGHTS_SHA256
from isartor_addon.models.shipped import TOKENIZER_SHA256

_TEXT = """\
all-MiniLM-L6-v2, by sentence-transformers (https://www.SBERT.net)

Licensed under the Apache License, Version 2.0; the text is in the file LICENSE beside this one.

Source: {revision}
  model.safetensors  sha256 {weights}
  tokenizer.json     sha256 {tokenizer}

The model was modified: its weights were quantised to 8 bits (matrices in blocks of {block} weights, those of queries,
keys and values in blocks of {qkv_block}; the table of words row by row), and written as an ONNX graph with mean pooling
and normalisation. The tokenizer is unchanged.
  model.onnx         sha256 {model}

`scripts/build_embedder` of Isartor for mitmproxy makes these files again, byte for byte.
"""


def notice(model: bytes) -> str:
    """The NOTICE for this `model.onnx`."""
    return _TEXT.format(
        revision=REVISION,
        weights=WEIGHTS_SHA256,
        tokenizer=TOKENIZER_SHA256,
        block=BLOCK,
        qkv_block=QKV_BLOCK,
        model=sha256(model).hexdigest(),
    )
