"""The model as an ONNX graph with 8-bit weights, node by node; the same bytes on every machine.

Matrices are stored in blocks of weights with one scale a block (onnxruntime's MatMulNBits, which rounds its input in
the same blocks), the table of words with one scale a word. So a text's vector does not depend on what it is batched
with, and on the processor only by rounding. Dimensions in comments: B texts, S tokens, D = 384.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from embedder_kit.weights import EPSILON, HEADS, Array, Official

BLOCK = 32
"""Weights of a block. Blocks of 64 are 7 % faster, but one-word texts come to 0.9960 of the reference, not 0.9977."""
QKV_BLOCK = 16
"""The same where queries, keys and values are made, of which the vectors depend most."""
_BITS = 8
_INT8_ACCURACY = 4
"""MatMulNBits' `accuracy_level`: multiply in 8 bits, quantising the input per block, too."""
_OPSET = 18
_IR_VERSION = 9
_MICROSOFT = "com.microsoft"


class Graph:
    """Nodes and constants, collected in order."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Store an array; give its name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(
        self, operator: str, inputs: list[str], output: str, *more: str, domain: str = "", **attributes: object
    ) -> str:
        """Append a node; give its first output."""
        name = f"{len(self.nodes)}_{operator}"
        self.nodes.append(helper.make_node(operator, inputs, [output, *more], name=name, domain=domain, **attributes))
        return output

    def product(self, x: str, matrix: Array, output: str, block: int = BLOCK) -> str:
        """Append `x @ matrix` with the matrix [K, N] in 8-bit blocks."""
        quantised, scales = in_blocks(matrix, block)
        rows, columns = matrix.shape
        return self.add(
            "MatMulNBits",
            [x, self.constant(f"{output}.weight", quantised), self.constant(f"{output}.scale", scales)],
            output,
            domain=_MICROSOFT,
            K=rows,
            N=columns,
            bits=_BITS,
            block_size=block,
            accuracy_level=_INT8_ACCURACY,
        )


def in_blocks(matrix: Array, block: int) -> tuple[NDArray[np.uint8], Array]:
    """
    A matrix [K, N] as MatMulNBits reads it.

    Returns:
        Weights [N, K / block, block] around a zero point of 128, and a scale a block [N * K / block].
    """
    rows, columns = matrix.shape
    blocks = matrix.T.reshape(columns, rows // block, block)
    scales = np.abs(blocks).max(axis=-1) / np.float32(127)
    scales = np.where(scales == 0, np.float32(1e-12), scales)
    return (np.round(blocks / scales[..., None]) + 128).astype(np.uint8), scales.reshape(-1)


def model(official: Official) -> bytes:
    """The whole model: token ids and mask [B, S] in, vectors of unit length [B, D] out."""
    graph = Graph()
    x = _embeddings(graph, official)
    graph.add("Cast", ["attention_mask"], "mask", to=TensorProto.INT32)
    for number in range(official.layers):
        x = _layer(graph, official, number, x)
    _pool(graph, x)
    ids = ("input_ids", "attention_mask")
    made = helper.make_graph(
        graph.nodes,
        "all-MiniLM-L6-v2",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"]) for name in ids],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["texts", 384])],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)]
    whole = helper.make_model(made, opset_imports=opsets, ir_version=_IR_VERSION)
    return whole.SerializeToString(deterministic=True)


def _embeddings(graph: Graph, official: Official) -> str:
    """Words and positions, normalised [B, S, D]; the token type is always 0 and stands in the table of positions."""
    tensors = official.tensors
    words = tensors["embeddings.word_embeddings.weight"]
    scales = np.abs(words).max(axis=1, keepdims=True) / np.float32(127)
    graph.constant("words", np.round(words / scales).astype(np.int8))
    graph.constant("words.scale", scales)
    graph.add("Gather", ["words", "input_ids"], "word.8bit", axis=0)
    graph.add("Cast", ["word.8bit"], "word.unscaled", to=TensorProto.FLOAT)
    graph.add("Gather", ["words.scale", "input_ids"], "word.scale", axis=0)
    graph.add("Mul", ["word.unscaled", "word.scale"], "word")

    positions = tensors["embeddings.position_embeddings.weight"] + tensors["embeddings.token_type_embeddings.weight"][0]
    graph.constant("positions", positions)
    graph.constant("0", np.array([0], np.int64))
    graph.constant("1", np.array([1], np.int64))
    graph.add("Shape", ["input_ids"], "shape")
    graph.add("Gather", ["shape", "1"], "tokens", axis=0)
    # A Gather by Range would say the same, and onnxruntime 1.32 rewrites it into something that fails.
    graph.add("Slice", ["positions", "0", "tokens", "0"], "position")

    graph.add("Add", ["word", "position"], "embedded")
    norm = _norm(graph, official, "embeddings.LayerNorm")
    return graph.add("LayerNormalization", ["embedded", *norm], "x0", axis=-1, epsilon=EPSILON)


def _norm(graph: Graph, official: Official, name: str) -> list[str]:
    return [graph.constant(f"{name}.{part}", official.tensors[f"{name}.{part}"]) for part in ("weight", "bias")]


def _layer(graph: Graph, official: Official, number: int, x: str) -> str:
    """Attention, then the feed-forward net, each added to its input and normalised [B, S, D]."""
    name = f"encoder.layer.{number}"

    def weight(part: str) -> Array:
        return official.tensors[f"{name}.{part}.weight"].T

    def bias(part: str) -> Array:
        return official.tensors[f"{name}.{part}.bias"]

    def normalised(output: str, y: str, skip: str, part: str) -> str:
        inputs = [y, skip, *_norm(graph, official, f"{name}.{part}.LayerNorm")]
        inputs.append(graph.constant(f"{name}.{part}.bias", bias(f"{part}.dense")))
        return graph.add("SkipLayerNormalization", inputs, output, domain=_MICROSOFT, epsilon=EPSILON)

    three = [f"attention.self.{part}" for part in ("query", "key", "value")]
    graph.product(x, np.concatenate([weight(part) for part in three], axis=1), f"{name}.qkv", QKV_BLOCK)
    q, k, v = (f"{name}.{part}" for part in ("q", "k", "v"))
    graph.add("Split", [f"{name}.qkv"], q, k, v, axis=-1, num_outputs=3)
    qkv_bias = graph.constant(f"{name}.qkv.bias", np.concatenate([bias(part) for part in three]))
    graph.add("MultiHeadAttention", [q, k, v, qkv_bias, "mask"], f"{name}.context", domain=_MICROSOFT, num_heads=HEADS)
    attended = graph.product(f"{name}.context", weight("attention.output.dense"), f"{name}.attended")
    y = normalised(f"{name}.y", attended, x, "attention.output")

    inner = graph.product(y, weight("intermediate.dense"), f"{name}.inner")
    inner_bias = graph.constant(f"{name}.inner.bias", bias("intermediate.dense"))
    graph.add("BiasGelu", [inner, inner_bias], f"{name}.gelu", domain=_MICROSOFT)
    outer = graph.product(f"{name}.gelu", weight("output.dense"), f"{name}.outer")
    return normalised(f"x{number + 1}", outer, y, "output")


def _pool(graph: Graph, x: str) -> None:
    """The mean over the tokens of each text, at unit length [B, D]; dividing by their number cancels."""
    graph.add("Cast", ["attention_mask"], "mask.float", to=TensorProto.FLOAT)
    graph.add("Unsqueeze", ["mask.float", "1"], "mask.row")
    graph.add("MatMul", ["mask.row", x], "sum.row")
    graph.add("Squeeze", ["sum.row", "1"], "sum")
    graph.constant("last", np.array([-1], np.int64))
    graph.constant("tiny", np.array(1e-12, np.float32))
    graph.add("ReduceL2", ["sum", "last"], "length", keepdims=1)
    graph.add("Max", ["length", "tiny"], "length.positive")
    graph.add("Div", ["sum", "length.positive"], "embedding")
