"""What a page runs on WebGPU, and why it runs nothing there."""

from __future__ import annotations

import pytest

from lgn_edge.forms.form import Task
from lgn_edge.forms.rows.split import split
from lgn_edge.forms.web import form
from lgn_edge.forms.web.form import Web, WebPart
from lgn_edge.network import Network
from lgn_edge.targets.registry import find_target
from tests.strategies import convolutional_network, random_network

TARGET = find_target("web")


def part(network: Network) -> WebPart:
    parted = split(network, TARGET)
    task = Task(network, parted.circuit, TARGET, "balanced", parted.convolutions)
    assert Web().serves(task)
    return Web().plan(task)


def test_convolutions_stay_on_the_processor_and_are_gates_on_the_gpu() -> None:
    network = convolutional_network(1)
    planned = part(network)
    assert planned.convolutions is not None
    assert planned.gpu is not None
    assert planned.gpu.program.n_gates >= split(network, find_target("webgpu")).circuit.n_gates
    assert planned.why.startswith("on WebGPU ")


def test_very_many_gates_stay_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    network = convolutional_network(1)
    monkeypatch.setattr(form, "_MOST_UNROLLED", 100)
    planned = part(network)
    assert planned.gpu is None
    assert planned.without_gpu == f"its image layers would become {network.n_gates:,} gates, and 100 are tried"
    assert planned.why == f"WebGPU has no form of it: {planned.without_gpu}"


def test_other_targets_have_no_gpu_beside() -> None:
    network = random_network(2)
    for name in ("wasm-simd128", "wasm", "webgpu"):
        assert not Web().serves(Task(network, split(network, TARGET).circuit, find_target(name), "balanced"))
