"""The kernels of GPUs: one source for all networks of a kind, in every language that TVM writes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lgn_edge.errors import UnsupportedError
from lgn_edge.forms.gpu.plan import BLOCK, WAVES, GpuPlan, gpu_plan
from lgn_edge.kernels.shape import Gpu
from lgn_edge.network import Network, flatten
from lgn_edge.passes import simplify
from lgn_edge.targets.gpu_source import gpu_source
from tests.strategies import random_network

MACHINES = {
    "opencl": Gpu("opencl", words=2),
    "webgpu": Gpu("webgpu", octets=False),
    "cuda": Gpu("cuda", {"arch": "sm_75"}, shared_bytes=48 << 10, words=2),
}


def planned(network: Network, gpu: Gpu) -> GpuPlan:
    return gpu_plan(network, simplify(flatten(network))[0], gpu)


@pytest.mark.parametrize("shared", [32 << 10, 0], ids=[BLOCK, WAVES])
@pytest.mark.parametrize("kind", MACHINES)
def test_the_source_depends_on_no_network(kind: str, shared: int) -> None:
    gpu = replace(MACHINES[kind], shared_bytes=shared)
    networks = random_network(1), random_network(2, features=5, bits=50, widths=(70, 44), classes=4)
    sources = []
    for network in networks:
        plan = planned(network, gpu)
        assert plan.form == (BLOCK if shared else WAVES)
        kernels = plan.kernels()
        assert {kernel.symbol for kernel in kernels} == set(plan.launches.kernels) | {k.symbol for k in kernels}
        assert set(plan.launches.kernels) <= {kernel.symbol for kernel in kernels}
        sources.append([gpu_source([kernel], gpu) for kernel in kernels])
    assert sources[0] == sources[1]


@pytest.mark.parametrize(("kib", "words"), [(3, 0), (4, 1), (7, 1), (8, 2), (64, 2)])
def test_a_block_takes_as_many_samples_as_fit(kib: int, words: int) -> None:
    plan = planned(random_network(3), Gpu("opencl", shared_bytes=kib << 10, words=2))
    assert plan.form == (BLOCK if words else WAVES)
    assert plan.words == max(1, words)
    assert plan.launches.sequences[-1].launches[0].samples == (32 * words or 1024)


def test_few_samples_take_a_word_of_each_slot() -> None:
    launches = planned(
        random_network(3, bits=300, widths=(600, 300)), replace(MACHINES["opencl"], shared_bytes=0)
    ).launches
    assert [each.most for each in launches.sequences if each.takes == "words"] == [32, launches.sequences[-1].most]
    few, many = (launches.sequence("samples", n) for n in (32, 33))
    assert [launch.kernel for launch in few.launches] == [f"{launch.kernel}_few" for launch in many.launches]
    assert all(launch.samples == 32 for launch in few.launches[:-1])
    for one, other in zip(few.launches[:-1], many.launches[:-1], strict=True):
        assert one.rows == max(1, -(-other.rows // 32))


def test_what_is_called_at_once_fits_into_buffers() -> None:
    network = random_network(4, features=500)
    small = replace(MACHINES["opencl"], buffer_bytes=200_000, shared_bytes=0)
    with pytest.raises(UnsupportedError, match="the samples of 1024 samples take 2,048,000 bytes, and a buffer"):
        planned(network, small)
    plan = planned(network, replace(small, shared_bytes=32 << 10))
    assert plan.launches.sequences[0].most == 64  # of 2,000 bytes each
