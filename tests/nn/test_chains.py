"""Chains pass every gate once and join what they say; along them, the GPU's kernels do what the torch code defines.

`tests/nn/gpu_kernels.py` says how Triton's kernels are executed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lgn_edge.nn import LogicDense
from lgn_edge.nn.chains import find_chains
from lgn_edge.nn.gates import collapse, gates_definition
from lgn_edge.nn.rows import Rows
from lgn_edge.nn.wiring import Connections, wire
from tests.nn.gpu_kernels import DEVICE, FEW, close, gradients, with_triton
from tests.thinning import exhaustive

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))
wanted = st.sampled_from([[True, True], [True, False], [False, True]])
batches = st.sampled_from([0, 1, 31, 32, 33, 128, 150, 300])


def draw(size: tuple[int, int], seed: int) -> Connections:
    """Wires that use signals evenly; or any: signals that nobody or many read, gates that read one signal twice."""
    generator = torch.Generator().manual_seed(seed)
    if seed % 2:
        wires = torch.randint(size[0], (2, size[1]), generator=generator, dtype=torch.int32)
    else:
        wires = torch.stack(wire("random", *size, generator=generator))
    return Connections(size[0], wires, lasting=True)


@given(sizes, st.integers(0, 2**31))
def test_slots_join_gates_by_what_both_read(size: tuple[int, int], seed: int) -> None:
    wires = draw(size, seed)
    reads, chains = wires.entries.flatten(), wires.chains
    readers = reads.bincount(minlength=wires.n_inputs)
    visits = ((readers + 1) // 2).clamp(min=1)
    own = chains.visits >= 0
    assert torch.equal(chains.visits[own].sort().values, torch.arange(int(visits.sum())))
    assert torch.equal(chains.signals[own], torch.arange(wires.n_inputs).repeat_interleave(visits)[chains.visits[own]])
    joined = (chains.entries >= 0).nonzero().flatten()
    assert torch.equal(chains.signals[joined], reads[chains.entries[joined]])
    assert torch.equal(chains.signals[joined - 1], reads[chains.entries[joined] ^ 1])
    gates = chains.entries[joined[own[joined]]] // 2
    assert torch.equal(gates.sort().values, torch.arange(wires.wires.shape[1]))
    # At its own slots each signal meets every input that reads it once, behind the gate or in front of it.
    ahead = chains.entries[1:][own[:-1] & (chains.entries[1:] >= 0)] ^ 1
    behind = chains.entries[own & (chains.entries >= 0)]
    assert torch.equal(torch.cat([behind, ahead]).sort().values, torch.arange(len(reads)))
    if chains.starts is None:
        assert bool((visits == 1).all())
    else:
        assert chains.starts.diff().equal(visits)


@pytest.mark.parametrize("wiring", ["random", "unique", "aligned"])
def test_wirings_are_read_about_once(wiring: str) -> None:
    a, b = wire(wiring, 6400, 6400, generator=torch.Generator().manual_seed(1))
    chains = find_chains(6400, torch.stack([a, b], 1))
    assert len(chains.signals) < 1.02 * 6400
    assert chains.starts is None


def on_device(wires: Connections) -> Connections:
    return Connections(wires.n_inputs, wires.wires.to(DEVICE), lasting=True)


@with_triton
@exhaustive
@FEW
@given(sizes, batches, st.integers(0, 2**31), wanted)
def test_real_gates(size: tuple[int, int], batch: int, seed: int, wanted: list[bool]) -> None:
    wires, generator = draw(size, seed), torch.Generator().manual_seed(seed)
    x = torch.rand(size[0], batch, generator=generator)
    corners = torch.rand(size[1], 4, generator=generator)

    def fast(x: Tensor, corners: Tensor) -> Tensor:
        return Rows(batch, x).gates(on_device(wires), collapse(corners)).values

    def definition(x: Tensor, corners: Tensor) -> Tensor:
        return gates_definition(x, wires.a, wires.b, collapse(corners))

    expected = gradients(definition, "cpu", x.double(), corners.double(), wanted=wanted)
    close(gradients(fast, DEVICE, x, corners, wanted=wanted), expected, batch)


@with_triton
@exhaustive
@FEW
@given(sizes, batches, st.integers(0, 2**31), wanted)
def test_bit_gates(size: tuple[int, int], batch: int, seed: int, wanted: list[bool]) -> None:
    wires, generator = draw(size, seed), torch.Generator().manual_seed(seed)
    bits = torch.rand(batch, size[0], generator=generator) > 0.5
    corners = (torch.rand(size[1], 4, generator=generator) > 0.5).float()

    def fast(x: Tensor, corners: Tensor) -> Tensor:
        rows = Rows.pack(x).bit_gates(on_device(wires), collapse(corners))
        assert rows.bits is not None
        return rows.tensor()

    def definition(x: Tensor, corners: Tensor) -> Tensor:
        return gates_definition(x.t(), wires.a, wires.b, collapse(corners)).t()

    expected = gradients(definition, "cpu", bits.double(), corners.double(), wanted=wanted)
    got = gradients(fast, DEVICE, bits.float(), corners, wanted=wanted)
    assert torch.equal(got[0].cpu(), expected[0].float())
    close(got, expected, batch)


@with_triton
@exhaustive
@pytest.mark.parametrize("batch", [70, 150])
@pytest.mark.parametrize("discrete", [False, True])
def test_rows_of_16_bits_are_summed_in_32(discrete: bool, batch: int) -> None:
    wires, generator = draw((9, 37), 5), torch.Generator().manual_seed(5)
    x = (torch.rand(batch, 9, generator=generator) > 0.5).float()
    corners = torch.rand(37, 4, generator=generator)
    corners = (corners > 0.5).float() if discrete else corners

    def fast(x: Tensor, corners: Tensor) -> Tensor:
        rows = Rows.pack(x, torch.bfloat16)
        rows = (rows.bit_gates if discrete else rows.gates)(on_device(wires), collapse(corners))
        assert rows.values.dtype == torch.bfloat16
        return rows.tensor()

    def definition(x: Tensor, corners: Tensor) -> Tensor:
        return gates_definition(x.t(), wires.a, wires.b, collapse(corners)).t().to(torch.bfloat16)

    expected = gradients(definition, "cpu", x.clone(), corners.clone())
    got = gradients(fast, DEVICE, x.clone(), corners.clone())
    torch.testing.assert_close(got[0].cpu(), expected[0], rtol=2**-7, atol=0)
    torch.testing.assert_close(got[1].cpu(), expected[1], rtol=2**-7, atol=1e-4)  # rounded once
    torch.testing.assert_close(got[2].cpu(), expected[2], rtol=1e-5, atol=2e-6 * batch)


@with_triton
@exhaustive
def test_a_gradient_has_the_same_bits_every_time() -> None:
    wires, generator = on_device(draw((7, 40), 3)), torch.Generator().manual_seed(3)
    x, corners = torch.rand(7, 70, generator=generator), torch.rand(40, 4, generator=generator)

    def run() -> list[Tensor]:
        return gradients(lambda x, c: Rows(70, x).gates(wires, c).values, DEVICE, x.clone(), corners.clone())

    assert all(torch.equal(one, other) for one, other in zip(run(), run(), strict=True))


def test_layers_keep_the_chains_of_wires_that_stay() -> None:
    layer, learned = LogicDense(6, 9, seed=1), LogicDense(6, 9, wiring="learned", candidates=4, seed=1)
    assert layer.connections().chains is layer.connections().chains
    assert layer.connections().lasting
    assert not learned.connections().lasting


COMPILE = """
from tests.nn.machine_code import compiled

SLOTS = dict.fromkeys(("signals", "entries", "visits", "starts"), "*i32") | {"c": "*fp32", "gc": "*fp32"}

for capability in (80, 90):
    for kind, each in (("*fp32", 4), ("*bf16", 8)):
        forward = {"CHAIN": 8, "GROUP": 1, "COLUMNS": 32 * each, "BITS": False}
        code = compiled("chains_forward", SLOTS | {"x": kind, "y": kind}, forward, capability)
        assert code.loads == 9 and code.stores == 8, code
        for bits in (False, True):
            types = SLOTS | {"x": "*i32" if bits else kind, "g": kind, "gx": kind}
            backward = {"CHAIN": 4, "LANES": 32, "EACH": each, "BITS": bits, "INPUTS": True, "COEFFICIENTS": True}
            code = compiled("chains_backward", types, backward, capability)
            assert code.loads == (5 if bits else 5 + 6) and code.stores == 4 and not code.atomics, code
            compiled("chains_backward", types, backward, capability, ones=True)
    compiled("chains_backward", types, {**backward, "EACH": 1}, capability)  # of 32 samples at most
    words = {"CHAIN": 8, "GROUP": 8, "COLUMNS": 4, "BITS": True}
    compiled("chains_forward", SLOTS | {"x": "*i32", "y": "*i32"}, words, capability)
    compiled("chains_forward", SLOTS | {"x": "*i32", "y": "*i32"}, words, capability, ones=True)
    compiled("visit_sums", {"v": "*fp32", "starts": "*i32", "gx": "*bf16"}, {"SAMPLES": 128}, capability)
"""


@with_triton
@exhaustive
def test_compiles_to_machine_code_that_reads_widely_and_spills_nothing(tmp_path: Path) -> None:
    environment = {"TRITON_INTERPRET": "0", "TRITON_DUMP_PTXAS_LOG": "1", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", COMPILE]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    registers = [int(number) for number in re.findall(r"Used (\d+) registers", done.stdout)]
    spilled = re.findall(r"(\d+) bytes spill stores", done.stdout)
    assert len(registers) == len(spilled) == 2 * (2 * 5 + 4)
    assert set(spilled) == {"0"}
    assert max(registers) <= 128  # half of what a lane may have, so an SM has 16 programs under way
