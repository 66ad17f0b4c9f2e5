"""What each backend says about itself: what it runs, and why it cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lgn_edge import emulate, host, programs, toolchain
from lgn_edge.artifact import executed_by
from lgn_edge.errors import UnsupportedError
from lgn_edge.targets import registry
from lgn_edge.verification import DEFAULT_BACKENDS, Outcome, Subject, find_backends, run_backends
from lgn_edge.verification.backends import torch as torch_backend
from tests.strategies import random_network
from tests.verification.planting import telling_vectors

NETWORK = random_network(2)
BACKENDS = {backend.name: backend for backend in DEFAULT_BACKENDS}


def test_the_usual_backends():
    assert list(BACKENDS) == [
        "reference",
        "circuit",
        "torch",
        "onnx-reference",
        "onnxruntime",
        "onnxruntime-plain",
        "onnxruntime-standard",
        "onnxruntime-library",
        "onnxruntime-fused",
        "native",
        "cortex-m4",
    ]


@pytest.mark.parametrize("name", BACKENDS)
def test_a_version_names_the_program(name):
    program, _, number = BACKENDS[name].version().partition(" ")
    assert program
    assert number


def test_what_is_given_is_run():
    subject = Subject(NETWORK, Path("model.onnx"), Path("run"), {"native": Path("host")})
    given = {name: backend.given(subject) for name, backend in BACKENDS.items()}
    onnx = dict.fromkeys(["reference", "onnx-reference", "onnxruntime", "onnxruntime-plain"], Path("model.onnx"))
    own = dict.fromkeys(["circuit", "onnxruntime-standard", "onnxruntime-library", "onnxruntime-fused", "cortex-m4"])
    assert given == onnx | own | {"torch": Path("run"), "native": Path("host")}


def test_torch_needs_a_checkpoint_and_torch(monkeypatch):
    backend = BACKENDS["torch"]
    assert backend.available(Subject(NETWORK)) == "no checkpoint is given: --checkpoint DIR"
    assert backend.available(Subject(NETWORK, checkpoint=Path("run"))) is None
    monkeypatch.setattr(torch_backend, "find_spec", lambda name: None)
    assert "pip install" in backend.available(Subject(NETWORK, checkpoint=Path("run")))


def test_a_missing_toolchain_is_a_reason_only_where_something_is_built(monkeypatch):
    monkeypatch.setattr(toolchain, "missing", lambda: "no linker")
    native = BACKENDS["native"]
    assert native.available(Subject(NETWORK)) == "no linker"
    assert native.available(Subject(NETWORK, artifacts={"native": Path("host")})) is None


def test_a_missing_emulator_is_a_reason_for_firmware_alone(monkeypatch):
    monkeypatch.setattr(emulate, "available", lambda core: "no emulator")
    assert BACKENDS["cortex-m4"].available(Subject(NETWORK)) == "no emulator"
    assert BACKENDS["native"].available(Subject(NETWORK)) is None


def test_a_missing_device_is_a_reason_for_code_of_gpus_alone(monkeypatch):
    monkeypatch.setattr(executed_by, "missing_opencl", lambda: "no device")
    monkeypatch.setattr(executed_by, "missing_webgpu", lambda: "no adapter")
    monkeypatch.setattr(executed_by, "missing_cuda", lambda: "no driver")
    cuda, opencl, webgpu = find_backends(["cuda", "opencl", "webgpu"])
    assert cuda.available(Subject(NETWORK)) == "no driver"
    assert opencl.available(Subject(NETWORK)) == "no device"
    assert webgpu.available(Subject(NETWORK)) == "no adapter"
    assert BACKENDS["native"].available(Subject(NETWORK)) is None


def test_a_machine_that_is_no_target_is_a_reason(monkeypatch):
    def unsupported(name):
        raise UnsupportedError("not on this machine")

    monkeypatch.setattr(registry, "find_target", unsupported)
    assert BACKENDS["native"].available(Subject(NETWORK)) == "not on this machine"


def test_code_for_another_machine_is_executed_in_an_emulator_if_there_is_one(monkeypatch):
    monkeypatch.setattr(host.platform, "system", lambda: "Linux")
    intel, arm = find_backends(["x86-64", "raspberry-pi-4"])
    bounds = {}
    for machine in ("x86_64", "aarch64", "riscv64"):
        monkeypatch.setattr(host.platform, "machine", lambda machine=machine: machine)
        bounds[machine] = intel.max_samples, arm.max_samples
        assert arm.available(Subject(NETWORK)) is None
        assert (intel.available(Subject(NETWORK)) is None) == (machine == "x86_64")
    assert bounds == {"x86_64": (None, 512), "aarch64": (512, None), "riscv64": (512, 512)}
    assert intel.available(Subject(NETWORK)).startswith("code for x86_64-unknown-linux-gnu cannot run on Linux riscv64")


def test_torch_cannot_rebuild_what_it_has_no_layer_for():
    class Wrapped:
        n_inputs, n_outputs = NETWORK.layers[0].n_inputs, NETWORK.layers[0].n_outputs
        gates = NETWORK.layers[0].gates
        evaluate = NETWORK.layers[0].evaluate

    network = replace(NETWORK, layers=(Wrapped(), *NETWORK.layers[1:]))
    backend = BACKENDS["torch"]

    class Always(type(backend)):
        def available(self, subject):
            return None

    (row,) = run_backends(Subject(network), [Always()], telling_vectors(network)).results
    assert row.outcome is Outcome.NOT_RUN
    assert "layer 0 is a Wrapped" in row.reason


def test_emulated_backends_are_bounded():
    assert [backend.max_samples for backend in find_backends(["native", "cortex-m0", "cortex-m4"])] == [None, 512, 512]


def test_the_module_for_the_web_needs_node_and_what_builds_it(monkeypatch):
    (web,) = find_backends(["web-wasm"])
    monkeypatch.setenv(programs.HIDE_VARIABLE, "1")
    assert "node is not" in web.available(Subject(NETWORK))
    (row,) = run_backends(Subject(NETWORK), [web], telling_vectors(NETWORK), required=["web-wasm"]).results
    assert (row.outcome, row.required) == (Outcome.NOT_RUN, True)
    monkeypatch.setattr(toolchain, "missing", lambda: "no linker")
    assert web.available(Subject(NETWORK)) == "no linker"
    assert "node is not" in web.available(Subject(NETWORK, artifacts={"web": Path("built")}))
