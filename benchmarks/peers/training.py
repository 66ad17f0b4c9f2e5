"""Training steps of one implementation, in the environment that has it; speaks JSON lines on its standard streams.

Every implementation trains the same: layers of random wiring, group sum, cross-entropy, backward, Adam (torch's fused
one, for all of them), through its own Python interface; ours on a GPU as a recorded step. A network is the widths of
its layers, or for those of Petersen et al. (2024, table 6) for CIFAR-10 the kernels of its first convolution.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import packages
import torch

INPUTS, CLASSES, TAU = 784, 10, 10.0
PLANES, SIDE = 9, 32  # of images: three thresholds for each of three colours
Network = list[int] | int


def difflogic(network: Network, device: str) -> Any:
    """LogicLayer in its Python implementation, which is the one for a CPU, or in its CUDA extension."""
    widths = _dense(network)
    package = packages.difflogic(cuda=device == "cuda")
    implementation = {"cpu": "python", "cuda": "cuda"}[device]
    layers = [package.LogicLayer(n, gates, device=device, implementation=implementation) for n, gates in _pairs(widths)]
    return torch.nn.Sequential(*layers, package.GroupSum(CLASSES, tau=TAU, device=device))


def torchlogix(network: Network, parametrization: str, sampling: str, device: str) -> Any:
    """LogicConv2d and LogicDense with fixed random wiring; on a GPU compiled by torch."""
    package = packages.torchlogix().layers
    options = {"parametrization": parametrization, "parametrization_kwargs": {"forward_sampling": sampling}}
    layers = []
    for channels, kernels, side in _convolutions(network):
        window = {"in_dim": side, "receptive_field_size": 3, "padding": 1, "tree_depth": 3}
        layers.append(package.LogicConv2d(channels=channels, num_kernels=kernels, **window, **options))
        layers.append(package.OrPooling2d(kernel_size=2, stride=2))
    layers += [torch.nn.Flatten(), *(package.LogicDense(n, gates, **options) for n, gates in _pairs(_dense(network)))]
    model = torch.nn.Sequential(*layers, package.GroupSum(CLASSES, tau=TAU))
    return torch.compile(model) if device == "cuda" else model


def ours(network: Network, parametrization: str, estimator: str, device: str) -> Any:
    """LogicGateNetwork with random wiring."""
    from lgn_edge.nn import GroupSum, LogicConv2d, LogicDense, LogicGateNetwork, OrPool2d, Threshold
    from lgn_edge.nn.kernels import cpu, missing

    if missing(device):
        raise SystemExit(f"no compiled kernels: {missing(device)}")
    cpu.keep_memory()
    options = {"parametrization": parametrization, "estimator": estimator}
    layers = []
    for channels, kernels, side in _convolutions(network):
        layers.append(LogicConv2d(channels, kernels, 3, padding=1, image_size=side, root="residual", **options))
        layers.append(OrPool2d(2, in_channels=kernels, image_size=side))
    layers += [LogicDense(n, gates, **options) for n, gates in _pairs(_dense(network))]
    encoder = Threshold.bits(torch.Size(_sample(network)).numel())
    model = LogicGateNetwork(encoder, layers, GroupSum(layers[-1].out_features, CLASSES, TAU))
    model.forward = model.logits  # the samples below are bits already
    return model


OURS: dict[str, Callable[[Network, str], Any]] = {
    "raw, soft": lambda network, device: ours(network, "raw", "soft", device),
    "raw, straight-through": lambda network, device: ours(network, "raw", "hard", device),
    "light, soft": lambda network, device: ours(network, "light", "soft", device),
    "light, straight-through": lambda network, device: ours(network, "light", "hard", device),
}
MODELS: dict[str, Callable[[Network, str], Any]] = {
    "difflogic raw": difflogic,
    "torchlogix raw": lambda network, device: torchlogix(network, "raw", "soft", device),
    "torchlogix light": lambda network, device: torchlogix(network, "light", "soft", device),
    "torchlogix light, straight-through": lambda network, device: torchlogix(network, "light", "hard", device),
    **OURS,
}


def _convolutions(network: Network) -> list[tuple[int, int, int]]:
    """Channels, kernels and side of the image of each convolution."""
    if isinstance(network, list):
        return []
    kernels = [PLANES, network, 4 * network, 16 * network, 32 * network]
    return [(kernels[i], kernels[i + 1], SIDE >> i) for i in range(4)]


def _dense(network: Network) -> list[int]:
    """What the first dense layer reads, and the widths of all."""
    if isinstance(network, list):
        return [INPUTS, *network]
    return [128 * network, 1280 * network, 640 * network, 320 * network]


def _sample(network: Network) -> tuple[int, ...]:
    """The shape of a sample."""
    return (INPUTS,) if isinstance(network, list) else (PLANES, SIDE, SIDE)


def _pairs(widths: list[int]) -> list[tuple[int, int]]:
    return list(pairwise(widths))


def _memory(device: str) -> int:
    """The most bytes that this process has held, of the machine or of the GPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Take a request, as `training_speed.Worker` sends it, then numbers of steps; answer each with times and bytes."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    request = json.loads(sys.stdin.readline())
    device = request["device"]
    network = request["network"]
    samples = (torch.rand(request["batch"], *_sample(network)) > 0.5).float().to(device)
    if not request["name"].startswith("torchlogix"):
        samples = samples.flatten(1)
    labels = torch.randint(CLASSES, (request["batch"],)).to(device)
    torch.nn.Linear(2, 2)(torch.zeros(1, 2)).sum().backward()  # what torch itself loads for a first step
    before = _memory(device)
    model = MODELS[request["name"]](network, device).to(device).train()
    own = request["name"] in OURS
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True, capturable=own and device == "cuda")

    def step() -> None:
        loss = torch.nn.functional.cross_entropy(model(samples), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    if own and request["replayed"]:
        from lgn_edge.training.replay import Replayed

        step = Replayed(step, device)
    for line in sys.stdin:
        start, busy = time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            step()
        if device == "cuda":
            torch.cuda.synchronize()
        took = {"seconds": time.perf_counter() - start, "processor": time.process_time() - busy}
        print(json.dumps({**took, "bytes": _memory(device) - before}), file=answers)


if __name__ == "__main__":
    main()
