"""Firmware that keeps image layers: executed, and compared with the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lgn_edge import emulate
from lgn_edge.artifact import build
from lgn_edge.artifact.measure import link
from lgn_edge.errors import UnsupportedError
from lgn_edge.forms import choice
from lgn_edge.forms.form import Form
from lgn_edge.forms.positions.form import PositionsForm
from lgn_edge.forms.positions_straight.form import PositionsStraight
from lgn_edge.network import GroupSum, LogicConv2d, LogicDense, Network, OrPool2d, Threshold
from lgn_edge.nn.edges import EdgeRecipe
from tests.artifact.test_devices import packed_equals
from tests.outside import needs_emulator
from tests.strategies import random_samples
from tests.thinning import combinations


def image_network(size: int, kernels: int, kind: str, planes: bool, edges: bool = False) -> Network:
    """Two convolutions with pools, of which the second has gaps between lanes; the head reads pixels and pools."""
    rng = np.random.default_rng(size)
    features = size * size
    feature = np.arange(features) if planes else rng.permutation(features)
    levels = np.full(features, 100) if planes else rng.integers(0, 255, features)
    minus = np.full(features, -1)
    if edges:
        plus, subtracted = EdgeRecipe(levels=1).channels(features, (size, size))
        feature = np.concatenate([feature, *(plus if planes else map(rng.permutation, plus))])
        minus = np.concatenate([minus, *subtracted])
        levels = np.concatenate([levels, np.repeat((20, -9, 20, 300), features) if planes else np.tile(levels // 4, 4)])
    encoder = Threshold(features, feature.astype(np.int32), levels.astype(np.float32), kind, minus)

    def conv(channels: int, side: int) -> LogicConv2d:
        leaf = rng.integers(0, (channels, 3, 3), (kernels, 8, 3)).astype(np.int32)
        table = rng.choice([3, 3, 1, 6, 7, 9, 11, 12, 14], (kernels, 7)).astype(np.uint8)
        return LogicConv2d(channels, side, side, 3, leaf, table, padding=1)

    channels, half = len(feature) // features, size // 2
    layers = [
        conv(channels, size),
        OrPool2d(kernels, size, size, 2),
        conv(kernels, half),
        OrPool2d(kernels, half, half, 2),
    ]
    given = len(feature) + kernels * (half**2 + (half // 2) ** 2)
    a, b = rng.integers(0, given, (2, 60)).astype(np.int32)
    layers.append(LogicDense(given, a, b, rng.integers(1, 15, 60).astype(np.uint8)))
    return Network(encoder, tuple(layers), GroupSum(60, 3), f"image{size}", reads=((0,), (1,), (2,), (3,), (0, 2, 4)))


# size, input type, whether neighbouring positions are neighbouring features, whether there are edges, target
CASES = {
    "11-planes": (11, "uint8", True, False, "cortex-m4"),
    "8": (8, "uint8", False, False, "riscv32"),
    "9-float32-planes": (9, "float32", True, False, "cortex-m0plus"),
    "7-float32": (7, "float32", False, False, "cortex-m4"),
    "10-planes-edges": (10, "uint8", True, True, "cortex-m4"),
    "6-edges": (6, "uint8", False, True, "riscv32"),
    "6-planes-avr": (6, "uint8", True, False, "atmega2560"),
    "8-planes-edges-avr": (8, "uint8", True, True, "atmega2560"),
}
FORMS = {"positions": PositionsForm(), "positions_straight": PositionsStraight()}


@pytest.mark.parametrize(("case", "form"), combinations(CASES, FORMS))
def test_firmware_equals_the_reference(
    case: tuple[int, str, bool, bool, str], form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, kind, planes, edges, target = case
    monkeypatch.setattr(choice, "FORMS", (form,))
    network = image_network(size, 7, kind, planes, edges)
    if target == "atmega2560" and isinstance(form, PositionsStraight):
        with pytest.raises(UnsupportedError, match="no form runs encode, gates, head on atmega2560"):
            build(network, target, tmp_path / "a")
        return
    artifact = build(network, target, tmp_path / "a")
    needs_emulator(target)
    firmware = link(artifact.folder, artifact.manifest, keep=("predict", "predict_packed", "selftest"))
    machine = firmware.start()
    emulate.selftest(firmware, machine=machine)
    x = random_samples(network, 9)
    assert emulate.predict(firmware, x, batch=4, machine=machine)[0] == network.evaluate(x)
    packed_equals(network, firmware, machine, artifact.manifest.word_bits)
