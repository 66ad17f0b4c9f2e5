"""Where a backend first goes wrong: the layer, the gate and the sample.

A probe is the network cut off behind one layer with a group sum of one gate a class: its scores are the layer's bits.
Probes run through the same backend: a bisection over the layers of a chain finds the first whose bits differ, and a
search from the front finds it where layers read several.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lgn_edge.errors import LgnError
from lgn_edge.network import GroupSum, Layer, LogicConv2d, LogicDense, Network, OrPool2d
from lgn_edge.network.truth_table import NAMES, PASS_A
from lgn_edge.verification.compare import Location, compare
from lgn_edge.verification.subject import Backend, Samples, Subject

ENCODER = -1

_Difference = tuple[int, int, int, int]  # sample, gate, got, want


def locate(backend: Backend, subject: Subject, samples: Samples) -> Location:
    """Name the first differing layer, gate and sample of a backend that differs on `samples`.

    The whole vector is run again each time: a fault may depend on the sample's place in a word.
    """
    try:
        return _given_fault(backend, subject, samples) or _layer_fault(backend, subject.network, samples)
    except Exception as error:  # the difference is a fact already; say why its place is not known
        what = str(error) if isinstance(error, LgnError) else f"{type(error).__name__}: {error}"
        return Location(None, None, None, f"not located, a probe could not be run: {what}")


def probe(network: Network, stage: int, outputs: range) -> Network:
    """The network whose scores are the bits `outputs` of a stage: the encoder (-1) or logic layer `stage`."""
    layers: tuple[Layer, ...] = network.layers[: stage + 1]
    reads = network.sources[: stage + 1]
    width = network.widths[stage + 1]
    if stage == ENCODER or len(outputs) < width:
        wires = np.array(outputs, np.int32)
        layers = (*layers, LogicDense(width, wires, wires, np.full(len(wires), PASS_A, np.uint8)))
        reads = (*reads, (stage + 1,))
    head = GroupSum(len(outputs), len(outputs))
    return replace(network, layers=layers, head=head, name="probe", class_names=(), provenance={}, reads=reads)


def _given_fault(backend: Backend, subject: Subject, samples: Samples) -> Location | None:
    """The finding that only the given file is at fault, because a fresh one agrees."""
    given = backend.given(subject)
    fresh = Subject(subject.network)
    if given is None:
        return None
    with backend.prepare(fresh) as run:
        if compare("", run(samples), subject.network.evaluate(samples)).mismatches:
            return None
    text = f"{given} as a whole: a fresh one made from this network agrees, so it was made from another or has changed"
    return Location(None, None, None, text)


def _layer_fault(backend: Backend, network: Network, samples: Samples) -> Location:
    last = len(network.layers) - 1
    search = in_order if network.reads else bisect
    stage, difference = search(last, lambda stage: _difference(backend, network, stage, samples))
    if difference is None:
        text = "the group sum or what follows it: the bits of every logic layer agree"
        return Location(None, None, None, text)
    sample, gate, got, want = difference
    place = f"sample {sample} (bit {sample % 64} of 64-bit word {sample // 64})"
    text = f"{_describe(network, stage, gate)} gives {got}, not {want}, for {place}"
    return Location(stage, gate, sample, text)


def in_order(last: int, check: Callable[[int], _Difference | None]) -> tuple[int, _Difference | None]:
    """The first stage of -1..last that differs, if the last one does: not every layer behind a fault need read it."""
    found = check(last)
    for stage in range(ENCODER, last) if found is not None else ():
        difference = check(stage)
        if difference is not None:
            return stage, difference
    return last, found


def bisect(last: int, check: Callable[[int], _Difference | None]) -> tuple[int, _Difference | None]:
    """The first stage of -1..last that differs, provided that every one behind it does, as in a chain."""
    low, high, found = ENCODER, last, check(last)
    while found is not None and low < high:
        middle = (low + high) // 2
        difference = check(middle)
        if difference is None:
            low = middle + 1
        else:
            high, found = middle, difference
    return high, found


def _difference(backend: Backend, network: Network, stage: int, samples: Samples) -> _Difference | None:
    width = network.widths[stage + 1]
    for start in range(0, width, backend.probe_classes):
        part = probe(network, stage, range(start, min(start + backend.probe_classes, width)))
        with backend.prepare(Subject(part)) as run:
            got = run(samples).scores
        want = part.evaluate(samples).scores
        where = np.argwhere(got != want)
        if len(where):
            sample, gate = map(int, where[0])
            return sample, start + gate, int(got[sample, gate]), int(want[sample, gate])
    return None


def _describe(network: Network, stage: int, gate: int) -> str:
    if stage == ENCODER:
        encoder = network.encoder
        less = f" - feature {encoder.minus[gate]}" if encoder.minus is not None and encoder.minus[gate] >= 0 else ""
        return f"encoder, bit {gate} (feature {encoder.feature[gate]}{less} > {encoder.threshold[gate]})"
    layer = network.layers[stage]
    if isinstance(layer, LogicDense):
        rule = f" ({NAMES[layer.table[gate]]} with a = {layer.a[gate]}, b = {layer.b[gate]})"
        return f"layer {stage}, gate {gate}{rule}"
    if isinstance(layer, LogicConv2d | OrPool2d):
        channel, y, x = np.unravel_index(gate, layer.out_shape)
        return f"layer {stage}, channel {channel} at row {y}, column {x}"
    return f"layer {stage}, output {gate}"
