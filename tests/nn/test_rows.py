"""The GPU's kernels against the torch code that defines them: values, gradients, and what they compile to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, LookupDense, Threshold
from lgn_edge.nn.choice import mixture
from lgn_edge.nn.gates import collapse, gates_definition, gates_of
from lgn_edge.nn.kernels import gpu, gpu_operators
from lgn_edge.nn.lookup import interpolated
from lgn_edge.nn.rows import Rows
from lgn_edge.nn.wiring import Connections
from tests.nn.gpu_kernels import DEVICE, FEW, close, gradients, with_triton
from tests.thinning import exhaustive

pytestmark = [exhaustive, with_triton]

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([0, 1, 31, 32, 33, 128, 150]))


def draw(signals: int, gates: int, seed: int) -> tuple[torch.Generator, Connections]:
    generator = torch.Generator().manual_seed(seed)
    wires = torch.randint(signals, (2, gates), generator=generator, dtype=torch.int32).to(DEVICE)
    return generator, Connections(signals, wires)


@FEW
@given(sizes, st.integers(0, 2**31))
def test_real_gates(size: tuple[int, int, int], seed: int) -> None:
    signals, count, batch = size
    generator, wires = draw(signals, count, seed)
    x = torch.rand(signals, batch, generator=generator)
    corners = torch.rand(count, 4, generator=generator)

    def fast(x: Tensor, corners: Tensor) -> Tensor:
        return Rows(batch, x).gates(wires, collapse(corners)).values

    def definition(x: Tensor, corners: Tensor) -> Tensor:
        return gates_definition(x, wires.a.cpu(), wires.b.cpu(), collapse(corners))

    expected = gradients(definition, "cpu", x.double(), corners.double())
    close(gradients(fast, DEVICE, x.clone(), corners.clone()), expected, batch)


@FEW
@given(sizes, st.integers(0, 2**31), st.sampled_from([2, 3, 16, 19]))
def test_bit_gates_and_choices(size: tuple[int, int, int], seed: int, k: int) -> None:
    signals, count, batch = size
    generator, _ = draw(signals, count, seed)
    bits = torch.rand(batch, signals, generator=generator) > 0.5
    corners = (torch.rand(count, 4, generator=generator) > 0.5).float()
    candidates = torch.randint(signals, (2, count, k), generator=generator, dtype=torch.int32)
    best = torch.randint(k, (2, count, 1), generator=generator)
    share = torch.zeros(2, count, k).scatter_(2, best, 1.0)
    wires = Connections(signals, candidates.gather(2, best).squeeze(2).to(DEVICE))

    def fast(x: Tensor, corners: Tensor, share: Tensor) -> Tensor:
        rows = Rows.pack(x).bit_gates(wires, collapse(corners), share, candidates.to(DEVICE))
        assert rows.bits is not None
        return rows.tensor()

    def definition(x: Tensor, corners: Tensor, share: Tensor) -> Tensor:
        first, second = (mixture(x.t(), *side) for side in zip(candidates, share, strict=True))
        return gates_of(first, second, collapse(corners)).t()

    expected = gradients(definition, "cpu", bits.double(), corners.double(), share.double())
    got = gradients(fast, DEVICE, bits.float(), corners.clone(), share.clone())
    assert torch.equal(got[0].cpu(), expected[0].float())
    close(got, expected, batch)


@settings(max_examples=6)
@given(
    st.tuples(st.integers(1, 12), st.integers(1, 12), st.sampled_from([0, 1, 64, 65])),
    st.sampled_from([3, 4, 5, 6]),
    st.integers(0, 2**31),
)
def test_gates_of_more_inputs(size: tuple[int, int, int], k: int, seed: int) -> None:
    signals, count, batch = size
    generator = torch.Generator().manual_seed(seed)
    wires = torch.randint(signals, (k, count), generator=generator, dtype=torch.int32)
    x = torch.rand(signals, batch, generator=generator)
    corners = torch.rand(count, 2**k, generator=generator)

    def fast(x: Tensor, corners: Tensor) -> Tensor:
        return Rows(batch, x).lookup_gates(Connections(signals, wires.to(DEVICE)), corners).values

    def definition(x: Tensor, corners: Tensor) -> Tensor:
        return interpolated(x, wires, corners)

    expected = gradients(definition, "cpu", x.double(), corners.double())
    close(gradients(fast, DEVICE, x.clone(), corners.clone()), expected, batch)
    bits = (x > 0.5).float(), (corners > 0.5).float()
    assert torch.equal(fast(*(part.to(DEVICE) for part in bits)).cpu(), definition(*bits))


@FEW
@given(st.integers(1, 9), st.integers(1, 70), st.sampled_from([0, 1, 32, 65]), st.integers(0, 2**31))
def test_packing_and_sums(groups: int, size: int, batch: int, seed: int) -> None:
    x = torch.rand(batch, groups * size, generator=torch.Generator().manual_seed(seed)) > 0.5
    packed = Rows.pack(x.to(DEVICE))
    words = torch.nn.functional.pad(x, (0, 0, 0, -batch % 32)).reshape(-1, 32, groups * size).long()
    expected_words = (words << torch.arange(32)[:, None]).sum(1).t()
    assert packed.bits is not None
    assert torch.equal(packed.bits.cpu().long() & 0xFFFFFFFF, expected_words)
    assert torch.equal(packed.tensor().cpu(), x.float())
    expected = x.reshape(batch, groups, size).float().sum(2)
    assert torch.equal(packed.group_sums(groups).cpu(), expected)
    assert torch.equal(packed.real().group_sums(groups).cpu(), expected)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("estimator", ["soft", "hard"])
@pytest.mark.parametrize("wiring", ["random", "learned", "of three"])
def test_networks_have_torchs_gradients(
    precision: torch.dtype, estimator: str, wiring: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"estimator": estimator, "init": "gaussian"}
    if wiring == "of three":
        layers = [LookupDense(12, 18, arity=3, seed=1, **options), LogicDense(18, 15, seed=2, **options)]
    else:
        options |= {"wiring": wiring, "candidates": 5}
        layers = [LogicDense(12, 18, seed=1, **options), LogicDense(18, 15, seed=2, **options)]
    model = LogicGateNetwork(Threshold.bits(12), layers, GroupSum(15, 3, 2.0, 0.5)).train().to(DEVICE)
    model.precision = precision
    bits = (torch.rand(35, 12, generator=torch.Generator().manual_seed(3)) > 0.5).to(DEVICE)

    def run(triton: bool) -> list[Tensor]:
        monkeypatch.setattr(gpu, "usable", lambda _: triton)
        assert model.kernels("cuda") == ("triton" if triton and (estimator, wiring) != ("soft", "learned") else "torch")
        model.zero_grad()
        loss = torch.nn.functional.cross_entropy(model.logits(bits), torch.arange(35, device=DEVICE) % 3)
        loss.backward()
        return [loss.detach(), *(parameter.grad.clone() for parameter in model.parameters())]

    fast = run(True)
    assert all(torch.equal(one, other) for one, other in zip(fast, run(True), strict=True))  # no sum has two orders
    # The kernels compute a gate as (c0 + ca a) + (cb + cab a) b, torch in another order, so a bfloat16 may differ.
    bound = 2e-6 if precision == torch.float32 else 2e-3
    for one, other in zip(fast, run(False), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4 if precision == torch.float32 else 2e-2, atol=bound)


def test_readers_of_a_signal() -> None:
    wires = Connections(4, torch.tensor([[3, 0, 3], [0, 0, 1]], dtype=torch.int32))
    starts, entries = wires.readers
    read = [entries[starts[i] : starts[i + 1]].tolist() for i in range(4)]
    assert read == [[1, 2, 3], [5], [], [0, 4]]


@pytest.mark.parametrize("wiring", ["learned", "learned-aligned"])
def test_readers_of_chosen_signals_are_those_of_a_sort(wiring: str) -> None:
    layer = LogicDense(96, 160, wiring=wiring, lanes=8, candidates=9, seed=1)
    assert layer.choice is not None
    layer.choice.redraw(0.5)  # so that an input may have a candidate twice
    wires = layer.to(DEVICE).connections()
    assert wires.chosen is not None
    starts, numbers = wires.chosen.candidates.readers
    ends, readers = gpu_operators.chosen_readers(starts, numbers, wires.chosen.which)
    expected_starts, expected = wires.readers
    for signal in range(96):
        got = readers[starts[signal] : ends[signal]].tolist()
        assert sorted(got) == expected[expected_starts[signal] : expected_starts[signal + 1]].tolist()
        assert [entry >> 1 for entry in got] == sorted(entry >> 1 for entry in got)


def test_wires_are_sorted_again_when_they_change() -> None:
    layer, other = LogicDense(6, 9, seed=1), LogicDense(6, 9, seed=2)
    before = layer.connections()
    assert layer.connections() is before
    layer.load_state_dict(other.state_dict())
    assert torch.equal(layer.connections().entries, other.connections().entries)


COMPILE = """
import re

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from lgn_edge.nn.kernels import gpu_programs
from lgn_edge.nn.trees import Sizes

SIZES = {
    **{"GATES": 4, "SAMPLES": 128, "WORDS": 32, "CANDIDATES": 64, "SIGNALS": 32, "BITS": False, "K": 6, "PAIRS": 128},
    **{"NUMBERS": 64, "LEAVES": True, "S": Sizes(32, 16, 16, 128, 8, 1, 1, 1, 1, 16, 16, 2, 2, 2, 2, 0, 0, 8, 8)},
}
INDICES = {
    **dict.fromkeys(("wires", "leaf", "candidates", "starts", "ends", "readers", "numbers"), "*i32"),
    **{"place": "*i8", "which": "*i64"},
}
FLOATS = dict.fromkeys(("c", "gc", "gl", "dots", "sums"), "*fp32")


def compile(name, x, y="", real="*fp32"):
    types = {"x": x, "y": y, "g": real, "gx": real, **FLOATS, **INDICES, **dict.fromkeys(SIZES, "constexpr")}
    program = getattr(gpu_programs, name)
    signature = {argument: types.get(argument, "i32") for argument in program.arg_names}
    for capability, one in ((80, False), (90, False), (90, True)):
        # Triton makes a constant of every number that is 1 when a kernel is launched: a batch of one word, say.
        sizes = {**SIZES, "BITS": x == "*i32"} | ({a: 1 for a in signature if signature[a] == "i32"} if one else {})
        fixed = {(i,): sizes[a] for i, a in enumerate(program.arg_names) if a in sizes}
        types = {a: "constexpr" if a in sizes else kind for a, kind in signature.items()}
        source = ASTSource(program, signature=types, constexprs=fixed)
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32))
        assert len(compiled.asm["cubin"]) > 1000, name
        assert not re.search("(?<![a-z])(atom|red)[.]", compiled.asm["ptx"]), name
        print(name)


for real in ("*fp32", "*bf16"):
    compile("forward", real, real)
    compile("unpack", "*i32", real)
    for x in ("*i32", real):
        compile("coefficient_gradient", x, real=real)
        compile("input_gradient", x, real=real)
    compile("choice_gradient", "*i32", real=real)
    compile("lookup_forward", real, real)
    compile("lookup_corner_gradient", real, real=real)
    compile("lookup_input_gradient", real, real=real)
    compile("trees_forward", real, real)
    compile("trees_input_gradient", real, real=real)
    for x in ("*i32", real):
        compile("trees_gradients", x, real=real)
compile("bits_forward", "*i32", "*i32")
compile("trees_bits_forward", "*i32", "*i32")
compile("trees_choice_gradient", "*i32")
compile("pack", "*u8", "*i32")
compile("chosen_readers", "*i32")
compile("count", "*i32")
"""


@exhaustive
def test_compiles_to_machine_code_without_atomics(tmp_path: Path) -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", COMPILE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 3 * (2 * 14 + 6)


WIDE = """
from tests.nn.machine_code import compiled

POINTERS = dict.fromkeys(("wires", "starts", "ends", "readers", "candidates", "numbers"), "*i32")
POINTERS |= {"c": "*fp32", "gc": "*fp32", "dots": "*fp32", "which": "*i64"}

for capability in (80, 90):
    for kind, gates, samples in (("*fp32", 4, 128), ("*bf16", 4, 256), ("*bf16", 8, 128)):
        rows = POINTERS | {"x": kind, "y": kind, "g": kind, "gx": kind}
        tile = {"GATES": gates, "SAMPLES": samples}
        code = compiled("forward", rows, tile, capability, warps=4)
        assert code.loads == 2 and code.stores == 1, code
        code = compiled("coefficient_gradient", rows, tile | {"BITS": False}, capability, warps=4)
        assert code.loads >= 3, code
        each = {"SAMPLES": samples, "BITS": False}
        code = compiled("input_gradient", rows, each, capability)
        bits = samples * int(kind[3:]) // 32  # that a lane takes of a row
        assert code.loads == (2 if bits == 128 else 0), code
        compiled("input_gradient", rows | {"x": "*i32"}, each | {"BITS": True}, capability)
    for kind in ("*fp32", "*bf16"):
        rows = POINTERS | {"x": "*i32", "g": kind}
        compiled("choice_gradient", rows, {"CANDIDATES": 64, "SAMPLES": 128}, capability, warps=4)
    for words in (4, 32):
        tile = {"GATES": 128 // words, "WORDS": words}
        compiled("bits_forward", POINTERS | {"x": "*i32", "y": "*i32"}, tile, capability, warps=4)
    compiled("chosen_readers", POINTERS, {"K": 32, "NUMBERS": 64}, capability)
"""


@exhaustive
def test_dense_gates_read_widely_and_spill_nothing(tmp_path: Path) -> None:
    environment = {"TRITON_INTERPRET": "0", "TRITON_DUMP_PTXAS_LOG": "1", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", WIDE]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    registers = [int(number) for number in re.findall(r"Used (\d+) registers", done.stdout)]
    assert len(registers) == 2 * (3 * 4 + 2 + 3)
    assert max(registers) <= 168  # of four warps: an SM has three programs of the widest one under way
    assert set(re.findall(r"(\d+) bytes spill stores", done.stdout)) == {"0"}
