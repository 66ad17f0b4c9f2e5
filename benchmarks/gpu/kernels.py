"""Each kernel of training alone, as its operator launches it: microseconds, and the bytes that it asks for a second.

"Asked for" counts every row that a kernel loads or stores, as often as it does; what a cache gives counts, too. Nothing
is in the caches when a call begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
from harness import Options, Row, run
from torch import Tensor

from gpu.chains import chain_cases
from gpu.timing import DEVICE, alone
from lgn_edge.network.convolution import Window
from lgn_edge.nn.trees import Trees, channels_of
from lgn_edge.nn.wiring import Connections, wire

GATES: Final = 64_000
BATCHES: Final = (128, 512, 1024)
CANDIDATES: Final = 32
# Of the first three convolutions of S for CIFAR-10 (Petersen et al. 2024, table 6), with their pools.
IMAGES: Final = ((9, 32, 32), (32, 128, 16), (128, 512, 8))
OPERATORS: Final[Any] = torch.ops.lgn_edge

Case = tuple[str, float | None, Callable[[], object]]  # name, bytes asked for, call


def measure(options: Options) -> Iterator[Row]:
    """Microseconds and bytes a second of each kernel."""
    gates, batches = (8, (33,)) if options.quick else (GATES, BATCHES)
    for name, asked, call in parameter_cases(gates):
        yield from _timed(f"{name}, {gates:,} gates", asked, call)
    for dtype in (torch.float32, torch.bfloat16):
        for batch in batches:
            for name, asked, call in cases(gates, batch, dtype):
                yield from _timed(f"{name}, {gates:,} gates, {_short(dtype)}, batch {batch}", asked, call)
    images = [(2, 3, 4)] if options.quick else IMAGES
    for channels, kernels, side in images:
        for name, call in image_cases(channels, kernels, side, batches[0]):
            what = f"{name}, {channels} channels, {kernels} kernels, {side} x {side}, batch {batches[0]}"
            yield from _timed(what, None, call)


def _timed(name: str, asked: float | None, call: Callable[[], object]) -> Iterator[Row]:
    with torch.no_grad():
        took = alone(call)
    if took is None:
        yield Row(name, None, "us", note="executed, not timed: no GPU")
        return
    rate = f"{asked / took / 1e9:,.0f} GB/s asked for" if asked else ""
    yield Row(name, took * 1e6, "us", note=rate)


def cases(gates: int, batch: int, dtype: torch.dtype) -> Iterator[Case]:
    """Kernels of layers of two-input gates whose inputs are as many as they."""
    generator = torch.Generator().manual_seed(0)
    wires = Connections(gates, torch.stack(wire("random", gates, gates, generator=generator)).to(DEVICE))
    starts, numbers = wires.readers
    read, entries = (starts[:-1], starts[1:], numbers), wires.entries
    c = torch.randn(gates, 4, device=DEVICE)
    x, g = torch.rand(gates, batch, device=DEVICE).to(dtype), torch.randn(gates, batch, device=DEVICE).to(dtype)
    size, rows = x.element_size(), float(gates * batch)
    yield "gates forward", 3 * size * rows, lambda: OPERATORS.rows_gates(x, c, entries, *read)
    yield "coefficients", 3 * size * rows, lambda: OPERATORS.rows_coefficient_gradient(x, entries, g)
    yield "inputs", 5 * size * rows, lambda: OPERATORS.rows_input_gradient(x, c, entries, *read, g)
    samples = torch.rand(batch, gates, device=DEVICE) > 0.5
    bits = OPERATORS.rows_pack(samples)
    discrete = (c > 0).float()
    bit_gates = x, discrete, None, bits, None, entries, *read
    yield "bits forward", 3 / 8 * rows, lambda: OPERATORS.rows_bit_gates(*bit_gates)
    yield "coefficients, bits", (size + 1 / 4) * rows, lambda: OPERATORS.rows_coefficient_gradient(bits, entries, g)
    inputs = bits, discrete, entries, *read, g
    yield "inputs, bits", (3 * size + 1 / 4) * rows, lambda: OPERATORS.rows_input_gradient(*inputs)
    candidates = torch.randint(gates, (2, gates, min(CANDIDATES, gates)), device=DEVICE, dtype=torch.int32)
    choices = bits, discrete, entries, candidates, g
    yield f"choices of {CANDIDATES}", None, lambda: OPERATORS.rows_choice_gradient(*choices)
    yield "pack", (1 + 1 / 8) * rows, lambda: OPERATORS.rows_pack(samples)
    yield "unpack", (size + 1 / 8) * rows, lambda: OPERATORS.rows_unpack(x, bits)
    yield "count", rows / 8, lambda: OPERATORS.rows_count(x, bits, 4)
    yield from chain_cases(gates, batch, dtype)
    for k in (3, 4, 6):
        several = torch.randint(gates, (k, gates), generator=generator, dtype=torch.int32).to(DEVICE)
        yield from _lookup_cases(x, g, Connections(gates, several), k)


def parameter_cases(gates: int) -> Iterator[Case]:
    """Kernels between weights and coefficients."""
    for kind, numbers in (("light", 4), ("raw", 16)):
        weight, gradient = (torch.randn(gates, n, device=DEVICE) for n in (numbers, 4))
        seed = torch.zeros(1, dtype=torch.int64, device=DEVICE)
        for name, noise in (("", None), (", noise", seed)):
            forward, backward = (weight, noise, kind, 1.0, True), (weight, noise, kind, 1.0, gradient)
            asked = 4.0 * gates * (numbers + 4), 4.0 * gates * (2 * numbers + 4)
            yield f"{kind} to coefficients{name}", asked[0], lambda f=forward: OPERATORS.rows_coefficients(*f)
            yield f"{kind} from coefficients{name}", asked[1], lambda b=backward: OPERATORS.rows_weight_gradient(*b)


def _lookup_cases(x: Tensor, g: Tensor, wires: Connections, k: int) -> Iterator[Case]:
    corners = torch.rand(len(x), 2**k, device=DEVICE)
    asked, entries, read = (k + 1) * x.element_size() * float(x.numel()), wires.entries, wires.readers
    yield f"lookup of {k} forward", asked, lambda: OPERATORS.rows_lookup(x, corners, entries, *read)
    yield f"lookup of {k} corners", asked, lambda: OPERATORS.rows_lookup_corner_gradient(x, entries, g)
    inputs = x, corners, entries, *read, g
    yield f"lookup of {k} inputs", None, lambda: OPERATORS.rows_lookup_input_gradient(*inputs)


def image_cases(channels: int, kernels: int, side: int, batch: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """Kernels of a convolution of trees of eight leaves with the pool behind it, on real values and on bits."""
    generator = torch.Generator().manual_seed(0)
    window = Window(channels, side, side, (3, 3), (1, 1), (1, 1), "case")
    leaf = torch.stack([torch.randint(n, (kernels, 8), generator=generator) for n in (channels, 3, 3)], 2)
    leaf = leaf.to(DEVICE, torch.int32)
    pool = Window(kernels, side, side, (2, 2), (2, 2), (0, 0), "case")
    trees = Trees(window, leaf, pool, channels=Connections(channels, channels_of(leaf)))
    c, read, sizes = torch.randn(7 * kernels, 4, device=DEVICE), trees.readers, list(trees.sizes)
    x = torch.rand(window.n_inputs, batch, device=DEVICE)
    g = torch.randn(kernels * (side // 2) ** 2, batch, device=DEVICE)
    bits = OPERATORS.rows_pack((x > 0.5).t())
    discrete = (c > 0).float()
    yield "trees forward", lambda: OPERATORS.rows_trees(x, leaf, c, *read, sizes)
    yield "trees backward", lambda: OPERATORS.rows_trees_backward(x, leaf, None, c, *read, sizes, g)
    forward = x, discrete, None, bits, leaf, None, *read, sizes
    yield "trees forward, bits", lambda: OPERATORS.rows_bit_trees(*forward)
    yield "trees backward, bits", lambda: OPERATORS.rows_trees_backward(bits, leaf, None, discrete, *read, sizes, g)


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


if __name__ == "__main__":
    run("kernels", measure)
