"""Training steps of one implementation, in the environment that has it; speaks JSON lines on its standard streams.

Every implementation trains the same: layers of random wiring, group sum, cross-entropy, backward, Adam (torch's fused
one, for all of them), through its own Python interface.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import packages
import torch

INPUTS, CLASSES, TAU = 784, 10, 10.0
Model = Callable[[Any], Any]


def difflogic(widths: list[int], device: str) -> Any:
    """LogicLayer in its Python implementation, which is the one for a CPU, or in its CUDA extension."""
    package = packages.difflogic(cuda=device == "cuda")
    implementation = {"cpu": "python", "cuda": "cuda"}[device]
    layers = [package.LogicLayer(n, gates, device=device, implementation=implementation) for n, gates in _pairs(widths)]
    return torch.nn.Sequential(*layers, package.GroupSum(CLASSES, tau=TAU, device=device))


def torchlogix(widths: list[int], parametrization: str, device: str) -> Any:
    """LogicDense with fixed random wiring; on a GPU compiled by torch."""
    package = packages.torchlogix().layers
    layers = [package.LogicDense(n, gates, parametrization=parametrization) for n, gates in _pairs(widths)]
    model = torch.nn.Sequential(*layers, package.GroupSum(CLASSES, tau=TAU))
    return torch.compile(model) if device == "cuda" else model


def ours(widths: list[int], parametrization: str, estimator: str, device: str) -> Any:
    """LogicGateNetwork with random wiring."""
    from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, Threshold
    from lgn_edge.nn.kernels import cpu, missing

    if missing(device):
        raise SystemExit(f"no compiled kernels: {missing(device)}")
    cpu.keep_memory()
    options = {"parametrization": parametrization, "estimator": estimator}
    layers = [LogicDense(n, gates, **options) for n, gates in _pairs(widths)]
    network = LogicGateNetwork(Threshold.bits(INPUTS), layers, GroupSum(widths[-1], CLASSES, TAU))
    network.forward = network.logits  # the samples below are bits already
    return network


MODELS: dict[str, Callable[[list[int], str], Any]] = {
    "difflogic raw": difflogic,
    "torchlogix raw": lambda widths, device: torchlogix(widths, "raw", device),
    "torchlogix light": lambda widths, device: torchlogix(widths, "light", device),
    "raw, soft": lambda widths, device: ours(widths, "raw", "soft", device),
    "raw, straight-through": lambda widths, device: ours(widths, "raw", "hard", device),
    "light, soft": lambda widths, device: ours(widths, "light", "soft", device),
    "light, straight-through": lambda widths, device: ours(widths, "light", "hard", device),
}


def _pairs(widths: list[int]) -> list[tuple[int, int]]:
    return list(zip([INPUTS, *widths], widths, strict=False))


def _memory(device: str) -> int:
    """The most bytes that this process has held, of the machine or of the GPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Take a request {name, widths, batch, device}, then numbers of steps; answer each with seconds and bytes."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    request = json.loads(sys.stdin.readline())
    device = request["device"]
    samples = (torch.rand(request["batch"], INPUTS) > 0.5).float().to(device)
    labels = torch.randint(CLASSES, (request["batch"],)).to(device)
    torch.nn.Linear(2, 2)(torch.zeros(1, 2)).sum().backward()  # what torch itself loads for a first step
    before = _memory(device)
    model = MODELS[request["name"]](request["widths"], device).to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            loss = torch.nn.functional.cross_entropy(model(samples), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "bytes": _memory(device) - before}), file=answers)


if __name__ == "__main__":
    main()
