"""Firmware that keeps image layers: executed, and compared with the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lgn_edge import emulate
from lgn_edge.artifact import build
from lgn_edge.artifact.measure import link
from lgn_edge.forms import choice
from lgn_edge.forms.positions.form import PositionsForm
from lgn_edge.network import GroupSum, LogicConv2d, LogicDense, Network, OrPool2d, Threshold
from tests.artifact.test_devices import packed_equals
from tests.outside import needs_emulator
from tests.strategies import random_samples


def image_encoder(rng: np.random.Generator, size: int, kind: str, planes: bool) -> Threshold:
    """An image of one channel, or of two with differences in the second, in `planes` or in disorder."""
    pixels = size * size
    channels = 2 if kind == "edges" else 1
    feature = np.arange(channels * pixels) if planes else rng.integers(0, channels * pixels, channels * pixels)
    levels = np.repeat([100, 20][:channels], pixels) if planes else rng.integers(0, 255, len(feature))
    minus = None
    if kind == "edges":  # the other feature; in disorder some have none
        minus = np.where(np.arange(len(feature)) < pixels, -1, np.arange(len(feature)) - pixels)
        minus = minus if planes else np.where(rng.random(len(minus)) < 0.3, -1, rng.permutation(minus))
    kind = "uint8" if kind == "edges" else kind
    return Threshold(len(feature), feature.astype(np.int32), levels.astype(np.float32), kind, minus)


def image_network(size: int, kernels: int, kind: str, planes: bool) -> Network:
    """Two convolutions with pools, of which the second has gaps between lanes; the head reads pixels and pools."""
    rng = np.random.default_rng(size)
    encoder = image_encoder(rng, size, kind, planes)
    features, channels = encoder.n_outputs, encoder.n_outputs // size**2

    def conv(channels: int, side: int) -> LogicConv2d:
        leaf = rng.integers(0, (channels, 3, 3), (kernels, 8, 3)).astype(np.int32)
        table = rng.choice([3, 3, 1, 6, 7, 9, 11, 12, 14], (kernels, 7)).astype(np.uint8)
        return LogicConv2d(channels, side, side, 3, leaf, table, padding=1)

    half = size // 2
    layers = [
        conv(channels, size),
        OrPool2d(kernels, size, size, 2),
        conv(kernels, half),
        OrPool2d(kernels, half, half, 2),
    ]
    given = features + kernels * (half**2 + (half // 2) ** 2)
    a, b = rng.integers(0, given, (2, 60)).astype(np.int32)
    layers.append(LogicDense(given, a, b, rng.integers(1, 15, 60).astype(np.uint8)))
    return Network(encoder, tuple(layers), GroupSum(60, 3), f"image{size}", reads=((0,), (1,), (2,), (3,), (0, 2, 4)))


def check_predicted(report: dict[str, Any]) -> None:
    """What was predicted, if it was, is within a tenth of what was measured."""
    predicted, measured = report["predicted"]["positions"], report["measured"]
    if predicted is not None:
        assert predicted["flash"] == pytest.approx(measured["flash_bytes"], rel=0.1)
        assert predicted["ram"] == pytest.approx(measured["ram_bytes"] + measured["stack_bytes"], rel=0.1)
        assert predicted["instructions"] == pytest.approx(measured["instructions"], rel=0.1)


@pytest.mark.parametrize(
    ("size", "kind", "planes", "target"),
    [
        (11, "uint8", True, "cortex-m4"),
        (8, "uint8", False, "riscv32"),
        (9, "float32", True, "cortex-m0plus"),
        (7, "float32", False, "cortex-m4"),
        (10, "edges", True, "cortex-m4"),
        (6, "edges", False, "riscv32"),
        (6, "uint8", True, "atmega2560"),
        (8, "edges", True, "atmega2560"),
    ],
)
def test_firmware_equals_the_reference(
    size: int, kind: str, planes: bool, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "FORMS", (PositionsForm(),))
    network = image_network(size, 7, kind, planes)
    artifact = build(network, target, tmp_path / "a")
    needs_emulator(target)
    check_predicted(artifact.report)
    firmware = link(artifact.folder, artifact.manifest, keep=("predict", "predict_packed", "selftest"))
    machine = firmware.start()
    emulate.selftest(firmware, machine=machine)
    x = random_samples(network, 9)
    assert emulate.predict(firmware, x, batch=4, machine=machine)[0] == network.evaluate(x)
    packed_equals(network, firmware, machine, artifact.manifest.word_bits)
