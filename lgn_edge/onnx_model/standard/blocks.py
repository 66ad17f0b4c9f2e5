"""The input cut into blocks of words, which a Scan takes one after the other."""

from __future__ import annotations

from typing import Final

from lgn_edge.onnx_model.builder import Builder
from lgn_edge.onnx_model.domain import WORD_BITS

# 1,024 samples: the widths of the field stay in the second-level cache, and a node has enough to do.
_BLOCK_WORDS: Final = 16


def cut(graph: Builder, source: str, width: int, *, packed: bool) -> tuple[str, str]:
    """Add the nodes that pad and cut an input of any length, and return its blocks and the number of samples.

    Args:
        graph: to add to.
        source: the input, [n, width], or [width, words] when it is packed.
        width: features or bits.
        packed: whether it is packed.

    Returns:
        blocks [blocks, 64 * words, width], or [blocks, width, words] when packed; n int64 [1].
    """
    n, n_blocks, length = _sizes(graph, source, packed)
    word = graph.constant([WORD_BITS], name="word_bits")
    features = graph.constant([width], name="features")
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
        blocks = graph.node("Transpose", by_signal, name="blocks_of_words", perm=[1, 0, 2])
        return blocks, n
    padding = graph.node("Concat", none, none, missing, none, name="padding", axis=0)
    padded = graph.node("Pad", source, padding, name="padded")
    shape = graph.node("Concat", n_blocks, samples_of_block, features, name="blocks_shape", axis=0)
    blocks = graph.node("Reshape", padded, shape, name="blocks_of_samples")
    return blocks, n


def _sizes(graph: Builder, source: str, packed: bool) -> tuple[str, str, str]:
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
