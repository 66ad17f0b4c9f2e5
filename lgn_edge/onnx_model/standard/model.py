"""The whole standard graph: blocks of words, each through encoder, gates and count."""

from __future__ import annotations

from typing import Final

from onnx import TensorProto, helper

from lgn_edge.network import LogicDense, Network
from lgn_edge.onnx_model import metadata
from lgn_edge.onnx_model.builder import Builder
from lgn_edge.onnx_model.domain import CLASS, LOGITS, SCORES, WORD_BITS
from lgn_edge.onnx_model.form import BOOL, ELEMENT, PACKED, Form, input_info
from lgn_edge.onnx_model.lowering import Lowering
from lgn_edge.onnx_model.metadata import HEAD
from lgn_edge.onnx_model.standard import count, encode, gates
from lgn_edge.onnx_model.standard.level import counted, levelled

VERSION: Final = "1"  # of the graph that `lowered` writes; a reader checks a file against it node by node
VERSION_KEY: Final = "ai.lgn.standard"

# 1,024 samples: the widths of the field stay in the second-level cache, and a node has enough to do.
_BLOCK_WORDS: Final = 16


def lower(network: Network, form: Form) -> Lowering:
    """The standard graph of a network that is `resolved` with its form."""
    return lowered(levelled(network), form)


def lowered(network: Network, form: Form) -> Lowering:
    """As `lower` for a network that is `levelled` already. Depends on nothing else."""
    rows = counted(network)
    graph = Builder()
    source = input_info(network, form).name
    packed = form.input == PACKED
    n, n_blocks, length = _blocks(graph, source, packed)
    blocks = _split(graph, network, source, n, n_blocks, length, packed)

    body = graph.body()
    block = "block"
    words = _encode(body, network, block, form)
    for i, layer in enumerate(network.layers[:-1]):
        assert isinstance(layer, LogicDense)
        words = gates.level(body, layer, f"layer{i}", words)
    counts = count.count(body, rows, words)
    inside = helper.make_graph(
        body.nodes,
        "block",
        [helper.make_value_info(block, helper.make_tensor_type_proto(ELEMENT[form.input], None))],
        [helper.make_tensor_value_info(counts, TensorProto.INT32, [None, network.head.classes])],
    )
    by_block = graph.node("Scan", blocks, name="scan", body=inside, num_scan_inputs=1)

    flat = graph.constant([-1, network.head.classes], name="counts.shape")
    padded = graph.node("Reshape", by_block, flat, name="counts.padded")
    zero = graph.constant([0], name="counts.start")
    graph.named("Slice", [padded, zero, n, zero], [SCORES])
    if LOGITS in form.outputs:
        graph.logits(network.head)
    if CLASS in form.outputs:
        graph.first_maximum()
    return Lowering(graph.nodes, graph.constants, {VERSION_KEY: VERSION, HEAD: metadata.head_text(network.head)})


def _blocks(graph: Builder, source: str, packed: bool) -> tuple[str, str, str]:
    """The number of samples, of blocks, and of words a block, each int64 [1]: at least one word, blocks as even as can.

    n = 0 computes one block of padding, of which nothing is returned.
    """
    word, one = graph.constant([WORD_BITS], name="word_bits"), graph.constant([1], name="one")
    if packed:
        n_words = graph.node("Shape", source, name="n_words", start=1, end=2)
        n = graph.node("Mul", n_words, word, name="n")
    else:
        n = graph.node("Shape", source, name="n", start=0, end=1)
        last = graph.constant([WORD_BITS - 1], name="word_bits_less_1")
        n_words = graph.node("Div", graph.node("Add", n, last, name="n_rounded"), word, name="n_words")
    words = graph.node("Max", n_words, one, name="words_of_all")
    most = graph.constant([_BLOCK_WORDS], name="block_words")
    n_blocks = _ceil_div(graph, words, most, one, "blocks")
    return n, n_blocks, _ceil_div(graph, words, n_blocks, one, "words_of_block")


def _ceil_div(graph: Builder, dividend: str, divisor: str, one: str, name: str) -> str:
    less = graph.node("Sub", graph.node("Add", dividend, divisor, name=f"{name}.sum"), one, name=f"{name}.less_1")
    return graph.node("Div", less, divisor, name=name)


def _split(graph: Builder, network: Network, source: str, n: str, n_blocks: str, length: str, packed: bool) -> str:
    """The input padded and cut: [blocks, 64 * words, features], or [blocks, bits, words] when it is packed."""
    word = graph.constant([WORD_BITS], name="word_bits")
    features = graph.constant([network.encoder.n_features], name="features")
    samples_of_block = graph.node("Mul", length, word, name="samples_of_block")
    all_samples = graph.node("Mul", n_blocks, samples_of_block, name="samples_of_blocks")
    missing = graph.node("Sub", all_samples, n, name="missing")
    none = graph.constant([0], name="none")
    if packed:
        missing = graph.node("Div", missing, word, name="missing_words")
        padding = graph.node("Concat", none, none, none, missing, name="padding", axis=0)
        padded = graph.node("Pad", source, padding, name="padded")
        shape = graph.node("Concat", features, n_blocks, length, name="blocks_shape", axis=0)
        by_signal = graph.node("Reshape", padded, shape, name="blocks_of_signal")
        return graph.node("Transpose", by_signal, name="blocks_of_words", perm=[1, 0, 2])
    padding = graph.node("Concat", none, none, missing, none, name="padding", axis=0)
    padded = graph.node("Pad", source, padding, name="padded")
    shape = graph.node("Concat", n_blocks, samples_of_block, features, name="blocks_shape", axis=0)
    return graph.node("Reshape", padded, shape, name="blocks_of_samples")


def _encode(graph: Builder, network: Network, block: str, form: Form) -> str:
    if form.input == PACKED:
        return block
    if form.input == BOOL:
        return encode.pack(graph, block, network.encoder.n_outputs)
    return encode.threshold(graph, network.encoder, block)
