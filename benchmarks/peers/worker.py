"""Runs one peer in the environment that has it; speaks JSON lines on its standard streams (see `client`).

Each peer is called through its own Python interface, unchanged, as its users call it; `packages` imports them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import packages
from numpy.typing import NDArray

Call = Callable[[], object]
Peer = Callable[[NDArray[np.bool_]], Mapping[str, Call]]
WORD = 64  # samples in a word, the widest that both peers have


def difflogic(layers: list[Any], classes: int, optimize: int, cache: Path) -> Peer:
    """CompiledLogicNet of a Sequential of LogicLayers; `c` is its library without what its Python does around it."""
    import torch

    difflogic = packages.difflogic()
    CompiledLogicNet, GroupSum, LogicLayer = difflogic.CompiledLogicNet, difflogic.GroupSum, difflogic.LogicLayer
    library, part = cache / "library.so", cache / "library.part"
    if not library.exists():
        modules = []
        for n_inputs, a, b, table in layers:
            layer = LogicLayer(n_inputs, len(table), device="cpu", implementation="python")
            layer.indices = torch.from_numpy(a).long(), torch.from_numpy(b).long()
            layer.weights.data = torch.nn.functional.one_hot(torch.from_numpy(table).long(), 16).float()
            modules.append(layer)
        net = CompiledLogicNet(torch.nn.Sequential(*modules, GroupSum(classes, device="cpu")), num_bits=WORD)
        net.compile(opt_level=optimize, save_lib_path=str(part))
        part.replace(library)
    net = CompiledLogicNet.load(str(library), classes, WORD)

    def calls(bits: NDArray[np.bool_]) -> Mapping[str, Call]:
        flat, blocks = bits.reshape(-1), len(bits) // WORD
        scores = np.zeros(len(bits) * classes, np.int32)
        return {"python": lambda: net(bits).numpy(), "c": lambda: net.lib_fn(flat, scores, blocks)}

    return calls


def torchlogix(layers: list[Any], classes: int, optimize: int, cache: Path) -> Peer:
    """Circuit of the same gates, simplified by its own passes, compiled with 64 samples a word."""
    Circuit = packages.torchlogix().Circuit
    library, simplified = cache / "library.so", cache / "circuit.json"
    if not simplified.exists():
        circuit = Circuit.from_dict(_netlist(layers, classes))
        circuit.simplify()
        circuit.write_json(str(simplified.with_suffix(".part")))
        simplified.with_suffix(".part").replace(simplified)
    circuit = Circuit.from_json_file(str(simplified))
    with mock.patch("subprocess.run", _compiler(library)):
        circuit.compile(opt_level=optimize, pack_bits=WORD)
    return lambda bits: {"python": lambda: circuit(bits, use_compiled=True)}


PEERS = {"difflogic": difflogic, "torchlogix": torchlogix}


def _netlist(layers: list[Any], classes: int) -> dict[str, Any]:
    """The dictionary that Circuit reads."""
    names = "CONST_FALSE AND AND_NOT_B WIRE AND_NOT_A WIRE XOR OR NOR XNOR NOT OR_NOT_B NOT OR_NOT_A NAND CONST_TRUE"
    ops, only_b, constant = names.split(), {5, 10}, {0, 15}
    n_inputs = layers[0][0]
    gates, signals, start = [], np.arange(n_inputs), n_inputs
    for _, a, b, table in layers:
        for x, y, op in zip(signals[a].tolist(), signals[b].tolist(), table.tolist(), strict=True):
            if op in constant:
                x, y = -1, -1
            elif ops[op] in ("WIRE", "NOT"):
                x, y = y if op in only_b else x, -1
            gates.append({"gate_id": n_inputs + len(gates), "op": ops[op], "in0": x, "in1": y})
        signals = np.arange(start, start + len(table))
        start += len(table)
    sums = [{"node_id": start + c, "input_ids": group.tolist()} for c, group in enumerate(signals.reshape(classes, -1))]
    return {
        "n_inputs": n_inputs,
        "input_shape": [n_inputs],
        "gates": gates,
        "sum_nodes": sums,
        "outputs": [node["node_id"] for node in sums],
        "output_shape": [classes],
    }


def _compiler(library: Path) -> Callable[..., Any]:
    """`subprocess.run` for one compiler command, which is not run again when its library is there already."""
    run = subprocess.run

    def cached(command: list[str], **options: Any) -> Any:
        output = command[command.index("-o") + 1]
        if library.exists():
            shutil.copy(library, output)
            return subprocess.CompletedProcess(command, 0, "", "")
        result = run(command, **options)
        if not result.returncode:
            shutil.copy(output, library.with_suffix(".part"))
            library.with_suffix(".part").replace(library)
        return result

    return cached


def _read_network(path: str) -> tuple[list[Any], int]:
    file = np.load(path)
    layers = [(int(file[f"n{i}"]), file[f"a{i}"], file[f"b{i}"], file[f"table{i}"]) for i in range(int(file["layers"]))]
    return layers, int(file["classes"])


def main() -> None:
    """Answer requests until the input ends; what a peer prints goes to the standard error stream."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    peer: Peer
    calls: Mapping[str, Call] = {}
    for line in sys.stdin:
        request = json.loads(line)
        start = time.perf_counter()
        if request["do"] == "build":
            layers, classes = _read_network(request["network"])
            peer = PEERS[request["peer"]](layers, classes, request["optimize"], Path(request["cache"]))
        elif request["do"] == "samples":
            calls = peer(np.load(request["bits"]))
            np.save(request["scores"], np.asarray(calls["python"]()).astype(np.int32))
        elif request["do"] == "time":
            call = calls[request["call"]]
            start = time.perf_counter()
            for _ in range(request["repeats"]):
                call()
        print(json.dumps({"seconds": time.perf_counter() - start, "calls": list(calls)}), file=answers)


if __name__ == "__main__":
    main()
