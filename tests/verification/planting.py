"""A network with room for faults, and backends that have one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from lgn_edge.network import GroupSum, LogicDense, Network, Prediction, Threshold
from lgn_edge.network.truth_table import SWAP_INPUTS
from lgn_edge.verification import Backend, Runner, Subject, Vector, make_vectors

WORD = 32
SAMPLES = 100  # a partial last word of 4 samples, for words of 32 and of 64 bits


def healthy_network() -> Network:
    """Three layers of gates that hide little; the first is aligned: words of 32 gates, b rotated."""
    rng = np.random.default_rng(11)
    tables = [6, 9, 2, 4, 11, 13]
    lane = np.arange(WORD)
    rotated = [WORD * word + (lane + rotation) % WORD for word, rotation in ((1, 3), (0, 17))]
    encoder = Threshold(9, rng.integers(0, 9, 64), rng.normal(size=64).astype(np.float32))
    layers = [LogicDense(64, np.arange(64), np.concatenate(rotated), rng.choice(tables, 64))]
    for width in (48, 24):
        inputs = layers[-1].n_outputs
        wires = rng.integers(0, inputs, (2, width))
        layers.append(
            LogicDense(inputs, wires[0], (wires[1] + (wires[0] == wires[1])) % inputs, rng.choice(tables, width))
        )
    return Network(encoder, tuple(layers), GroupSum(24, 3), name="healthy")


@dataclass(frozen=True)
class Planted:
    """A backend that is given another network, or whose answers are changed, without anybody being told."""

    inner: Backend
    change: Callable[[Network], Network] = lambda network: network
    answer: Callable[[Prediction], Prediction] = lambda prediction: prediction

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def max_samples(self) -> int | None:
        return self.inner.max_samples

    @property
    def probe_classes(self) -> int:
        return self.inner.probe_classes

    def version(self) -> str:
        return self.inner.version()

    def available(self, subject: Subject) -> str | None:
        return None

    def given(self, subject: Subject) -> None:
        return None

    @contextmanager
    def prepare(self, subject: Subject) -> Iterator[Runner]:
        with self.inner.prepare(replace(subject, network=self.change(subject.network))) as run:
            yield lambda samples: self.answer(run(samples))


@dataclass(frozen=True)
class Fault:
    """A wrong layer in the place of a right one, and the gates that may be blamed for it."""

    layer: int
    gates: range
    right: LogicDense
    wrong: LogicDense

    def change(self, network: Network) -> Network:
        layers = tuple(self.wrong if layer == self.right else layer for layer in network.layers)
        return replace(network, layers=layers)


def flipped_table_bit(network: Network, layer: int, gate: int) -> Fault:
    right = network.layers[layer]
    table = right.table.copy()
    table[gate] ^= 4
    return Fault(layer, range(gate, gate + 1), right, replace(right, table=table))


def swapped_inputs(network: Network, layer: int, gate: int) -> Fault:
    right = network.layers[layer]
    assert SWAP_INPUTS[right.table[gate]] != right.table[gate], "a symmetric gate hides the fault"
    a, b = right.a.copy(), right.b.copy()
    a[gate], b[gate] = right.b[gate], right.a[gate]
    return Fault(layer, range(gate, gate + 1), right, replace(right, a=a, b=b))


def wrong_rotation(network: Network, layer: int, word: int) -> Fault:
    right = network.layers[layer]
    gates = slice(WORD * word, WORD * (word + 1))
    b = right.b.copy()
    b[gates] = b[gates] // WORD * WORD + (b[gates] + 1) % WORD
    return Fault(layer, range(gates.start, gates.stop), right, replace(right, b=b))


def shifted_last_word(prediction: Prediction) -> Prediction:
    """The samples behind the last whole word answered one place too late."""
    scores = prediction.scores.copy()
    start = len(scores) // WORD * WORD
    scores[start:] = np.roll(scores[start:], 1, axis=0)
    return Prediction.of(scores, decides=prediction.decision is not None)


def network_faults(network: Network) -> dict[str, Fault]:
    asymmetric = [int(np.argmax(SWAP_INPUTS[layer.table] != layer.table)) for layer in network.layers]
    return {
        "flipped-table-bit-first-layer": flipped_table_bit(network, 0, 5),
        "flipped-table-bit-last-layer": flipped_table_bit(network, 2, 23),
        "swapped-inputs": swapped_inputs(network, 1, asymmetric[1]),
        "wrong-rotation": wrong_rotation(network, 0, 1),
    }


def telling_vectors(network: Network) -> tuple[Vector, ...]:
    return tuple(vector for vector in make_vectors(network, samples=SAMPLES) if vector.name in ("random", "all-high"))
