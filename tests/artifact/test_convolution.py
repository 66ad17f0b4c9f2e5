"""Image layers that stay convolutions, as artifacts, on every machine with vector units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lgn_edge import emulate
from lgn_edge.artifact import Artifact, build
from lgn_edge.artifact.measure import link
from lgn_edge.network import GroupSum, LogicConv2d, Network, OrPool2d, Threshold
from tests.artifact.test_levels import LEVELS, here, highest_level
from tests.strategies import convolutional_network, random_samples
from tests.thinning import exhaustive, few

SIZES = (0, 1, 2, 13, 63, 64, 65, 511, 512, 513, 1025)
STAYS = "; its image layers stay convolutions"


def few_features() -> Network:
    """Three features a sample, less than vectors compare; a convolution is the last layer, the head reads it."""
    rng = np.random.default_rng(3)
    leaf = rng.integers(0, (2, 3, 3), (150, 8, 3))
    layer = LogicConv2d(2, 8, 8, 3, leaf, rng.choice((1, 6, 7, 9, 14), (150, 7)).astype(np.uint8), padding=1)
    pool = OrPool2d(*layer.out_shape, 2)
    encoder = Threshold(3, np.arange(128) % 3, rng.normal(size=128).astype(np.float32))
    return Network(encoder, (layer, pool), GroupSum(pool.n_outputs, 5), "few")


NETWORKS = {
    "random": convolutional_network(1),
    "wires": convolutional_network(2, 0.3),
    "edges": convolutional_network(4, edges=True),
    "few features": few_features(),
}


def assert_equal(artifact: Artifact, network: Network, sizes: tuple[int, ...] = SIZES) -> None:
    assert STAYS in artifact.report["why"]
    assert artifact.selftest()
    for n in sizes:
        x = random_samples(network, n, seed=n)
        assert artifact.predict(x) == network.evaluate(x)


@pytest.mark.parametrize("network", few(NETWORKS, "random", "edges"))
def test_native_equals_the_reference(network: Network, tmp_path: Path) -> None:
    artifact = build(network, "native", tmp_path / "native")
    assert_equal(artifact, network)
    for n in SIZES:
        x = random_samples(network, n, seed=n)
        assert artifact.predict_packed(network.encoder.evaluate(x), n) == network.evaluate(x)
    report = artifact.report
    assert report["gates_scheduled"] <= report["gates_simplified"] < report["gates"]


@exhaustive
@here
def test_every_level_equals_the_reference(tmp_path: Path) -> None:
    network = NETWORKS["random"]
    artifact = build(network, "x86-64", tmp_path / "x86-64")
    highest, lacks = highest_level()
    for level in [level for level in LEVELS if level <= highest]:
        assert artifact.library.set_level(level)
        assert_equal(artifact, network, (7, 65, 513))
    if highest < max(LEVELS):
        pytest.skip(f"levels above {LEVELS[highest]} are not executed: this CPU lacks {lacks}")


@exhaustive
def test_64_bit_arm_equals_the_reference(tmp_path: Path) -> None:
    network = NETWORKS["edges"]
    artifact = build(network, "aarch64", tmp_path / "aarch64")
    assert STAYS in artifact.report["why"]
    firmware = link(artifact.folder, artifact.manifest, keep=("predict", "predict_packed", "selftest"))
    machine = firmware.start()
    emulate.selftest(firmware, machine=machine)
    x = random_samples(network, 65)
    for batch in (65, 3):
        assert emulate.predict(firmware, x[:batch], batch=batch, machine=machine)[0] == network.evaluate(x[:batch])


@exhaustive
def test_wasm_equals_the_reference(tmp_path: Path) -> None:
    network = NETWORKS["edges"]
    assert_equal(build(network, "wasm-simd128", tmp_path / "wasm"), network, (0, 1, 7, 65, 513))
