"""Random networks and inputs for property tests: odd sizes, one gate, one class, constants only, deep chains."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from lgn_edge.network import Bits, Circuit, GroupSum, Layer, LogicConv2d, LogicDense, Network, OrPool2d, Threshold


def random_network(
    seed: int,
    features: int = 7,
    bits: int = 11,
    widths: tuple[int, ...] = (13, 12),
    classes: int = 3,
    input_dtype: str = "float32",
    tables: tuple[int, ...] = tuple(range(16)),
    edges: bool = False,
) -> Network:
    """A network of random gates; its head hands out bits where `classes` is 0. `edges`: bits compare differences."""
    rng = np.random.default_rng(seed)
    feature = rng.integers(0, features, bits).astype(np.int32)
    if input_dtype == "uint8":
        # reaches below and above the range of uint8, and between its values
        threshold = rng.integers(-3, 260, bits) + rng.choice([0.0, 0.5], bits)
    else:
        threshold = rng.normal(size=bits)
    minus = None
    if edges:  # of features far and near, of a feature and itself; thresholds reach below and above all differences
        minus = rng.integers(-1, features, bits)
        threshold[minus >= 0] -= rng.integers(0, 260, int((minus >= 0).sum()))
    layers, width = [], bits
    for gates in widths:
        layers.append(
            LogicDense(
                width,
                rng.integers(0, width, gates).astype(np.int32),
                rng.integers(0, width, gates).astype(np.int32),
                rng.choice(tables, gates).astype(np.uint8),
            )
        )
        width = gates
    return Network(
        Threshold(features, feature, threshold.astype(np.float32), input_dtype, minus),
        tuple(layers),
        GroupSum(width, classes, tau=float(rng.uniform(0.5, 20)), beta=float(rng.normal())) if classes else Bits(width),
        name=f"random{seed}",
    )


@st.composite
def networks(draw: st.DrawFn, max_width: int = 40, max_layers: int = 5) -> Network:
    classes = draw(st.integers(0, 5))
    widths = draw(st.lists(st.integers(1, max_width), min_size=0, max_size=max_layers - 1))
    last = max(1, classes) * draw(st.integers(1, max(1, max_width // max(1, classes))))
    tables = draw(st.sampled_from([tuple(range(16)), (0, 15), (3, 5, 10, 12), (1, 2, 4, 6, 7, 8, 9, 11, 13, 14)]))
    return random_network(
        draw(st.integers(0, 2**32 - 1)),
        features=draw(st.integers(1, 9)),
        bits=draw(st.integers(1, 33)),
        widths=(*widths, last),
        classes=classes,
        input_dtype="uint8" if (edges := draw(st.booleans())) else draw(st.sampled_from(["float32", "uint8"])),
        tables=tables,
        edges=edges,
    )


def random_image_network(seed: int, classes: int = 3) -> Network:
    """Convolutions and pools of odd sizes, one above the other, under a dense layer that may read any of them."""
    rng = np.random.default_rng(seed)
    channels, height, width = (int(n) for n in rng.integers(1, (4, 7, 7)))
    bits = channels * height * width
    features = int(rng.integers(1, 9))
    encoder = Threshold(features, rng.integers(0, features, bits), rng.normal(size=bits).astype(np.float32))
    layers: list[Layer] = []
    reads: list[tuple[int, ...]] = []
    for i in range(int(rng.integers(1, 4))):
        layer = _random_image_layer(rng, channels, height, width)
        layers.append(layer)
        reads.append((i,))
        channels, height, width = layer.out_shape
    widths = [bits, *(layer.n_outputs for layer in layers)]
    sources = tuple(int(i) for i in rng.permutation(len(widths))[: rng.integers(1, len(widths) + 1)])
    given, gates = sum(widths[source] for source in sources), max(1, classes) * int(rng.integers(1, 8))
    wires = rng.integers(0, given, (2, gates)).astype(np.int32)
    layers.append(LogicDense(given, *wires, rng.integers(0, 16, gates).astype(np.uint8)))
    head = GroupSum(gates, classes) if classes else Bits(gates)
    return Network(encoder, tuple(layers), head, f"image{seed}", reads=(*reads, sources))


def convolutional_network(seed: int, wires: float = 0.0, edges: bool = False) -> Network:
    """Two convolutions of 8 leaves, each with a pool of 2 x 2, under a dense layer that reads the pixels and both.

    `wires`: the share of gates that pass a on; `edges`: two of the three channels are of edges.
    """
    rng = np.random.default_rng(seed)
    layers: list[Layer] = []
    shape = (3, 16, 14)
    for kernels in (24, 32):
        leaf = rng.integers(0, (shape[0], 3, 3), (kernels, 8, 3))
        table = rng.choice((1, 2, 4, 6, 7, 8, 9, 11, 13, 14), (kernels, 7))
        table[rng.random(table.shape) < wires] = 3
        layers.append(LogicConv2d(*shape, 3, leaf, table.astype(np.uint8), padding=1))
        layers.append(OrPool2d(*layers[-1].out_shape, 2))
        shape = layers[-1].out_shape
    given = 672 + layers[1].n_outputs + layers[3].n_outputs
    wires_of_head = rng.integers(0, given, (2, 3000)).astype(np.int32)
    layers.append(LogicDense(given, *wires_of_head, rng.integers(0, 16, 3000).astype(np.uint8)))
    plus, minus = np.arange(672) % 224, np.full(672, -1)
    if edges:  # to the left, and upwards
        pixel = np.pad(np.arange(224).reshape(16, 14), 1, mode="edge")
        plus[224:] = np.stack([pixel[1:-1, :-2], pixel[:-2, 1:-1]]).reshape(-1)
        minus[224:] = np.stack([pixel[1:-1, 2:], pixel[2:, 1:-1]]).reshape(-1)
    encoder = Threshold(224, plus, np.repeat(np.float32([60, 120, 180]), 224), "uint8", minus)
    reads = ((0,), (1,), (2,), (3,), (4, 0, 2))
    return Network(encoder, tuple(layers), GroupSum(3000, 10), f"convolutional{seed}", reads=reads)


def _random_image_layer(rng: np.random.Generator, channels: int, height: int, width: int) -> LogicConv2d | OrPool2d:
    """A layer over an image: windows that hang over it, leave parts out, or see nothing but padding."""
    padding = tuple(int(p) for p in rng.integers(0, 4, 2) * rng.integers(0, 2))
    size = tuple(int(rng.integers(1, min(4, n + 2 * p) + 1)) for n, p in zip((height, width), padding, strict=True))
    stride = tuple(int(s) for s in rng.integers(1, 4, 2))
    if rng.random() < 0.4:
        return OrPool2d(channels, height, width, size, stride, padding)
    kernels, leaves = int(rng.integers(1, 4)), 2 ** int(rng.integers(1, 5))
    leaf = rng.integers(0, (channels, *size), (kernels, leaves, 3)).astype(np.int32)
    table = rng.integers(0, 16, (kernels, leaves - 1)).astype(np.uint8)
    return LogicConv2d(channels, height, width, size, leaf, table, stride, padding)


@st.composite
def image_networks(draw: st.DrawFn) -> Network:
    return random_image_network(draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 4)))


def random_samples(network: Network, n: int, seed: int = 0) -> np.ndarray:
    """Samples near the thresholds, exactly on them, and (float32) infinite or NaN."""
    rng = np.random.default_rng(seed)
    shape = (n, network.encoder.n_features)
    if network.encoder.input_dtype == "uint8":
        return rng.integers(0, 256, shape).astype(np.uint8)
    x = rng.normal(size=shape).astype(np.float32)
    on = rng.random(shape) < 0.2
    x[on] = rng.choice(network.encoder.threshold, int(on.sum()))
    odd = rng.random(shape) < 0.05
    x[odd] = rng.choice(np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], np.float32), int(odd.sum()))
    return x


@st.composite
def circuits(draw: st.DrawFn, max_gates: int = 60) -> Circuit:
    """A circuit with any topological wiring, outputs anywhere (inputs and constants included), some inverted."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_inputs, gates = draw(st.integers(1, 9)), draw(st.integers(0, max_gates))
    reach = draw(st.sampled_from([2, 8, 1000]))  # small: deep chains
    own = n_inputs + np.arange(gates)
    low = np.maximum(0, own - reach)
    outputs = draw(st.integers(1, 12))
    return Circuit(
        n_inputs,
        rng.integers(0, 16, gates).astype(np.uint8),
        rng.integers(low, own).astype(np.int32),
        rng.integers(low, own).astype(np.int32),
        rng.integers(0, n_inputs + gates, outputs).astype(np.int32),
        rng.random(outputs) < 0.5,
    )
