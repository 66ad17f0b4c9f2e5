"""An artifact's C entry, executed: every batch size, the return code, what is written outside, and what it costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lgn_edge.emulate import CortexM, EmulationError, Firmware, Image, measure, predict, selftest
from lgn_edge.errors import InputError
from tests.emulate.firmware import compile_text, link

CLASSES, FEATURES = 3, 5

PROGRAM = r"""
#include <stddef.h>
#include <stdint.h>

#define CLASSES 3u
#define FEATURES 5u

typedef INPUT lgn_sums_input;

int lgn_sums_predict(const lgn_sums_input *samples, size_t n, int32_t *scores, uint16_t *classes);
int lgn_sums_selftest(void);
int lgn_sums_fail;

/* Scores are sums of the features whose number has the class as its remainder; `fail` plants the faults. */
int lgn_sums_predict(const lgn_sums_input *samples, size_t n, int32_t *scores, uint16_t *classes) {
    if (lgn_sums_fail < 0) { return lgn_sums_fail; }
    for (size_t s = 0u; s < n; ++s) {
        uint16_t best = 0u;
        for (uint32_t c = 0u; c < CLASSES; ++c) {
            int32_t sum = 0;
            for (uint32_t f = c; f < FEATURES; f += CLASSES) { sum += VALUE(samples[s * FEATURES + f]); }
            scores[s * CLASSES + c] = sum;
            if (sum > scores[s * CLASSES + best]) { best = (uint16_t)c; }
        }
        classes[s] = best;
    }
    if (lgn_sums_fail == 1) { scores[n * CLASSES] = 9; }
    if (lgn_sums_fail == 2) { classes[-1] = 9u; }
    return 0;
}

int lgn_sums_selftest(void) { return lgn_sums_fail; }
"""
# Whether a float is above 0, by its bits, so that no floating-point helper is needed.
POSITIVE = "#define VALUE(x) ((int32_t)(*(const uint32_t *)(const void *)&(x) - 1u < 0x7F800000u))\n"
TEXTS = {
    "uint8": PROGRAM.replace("INPUT", "uint8_t").replace("VALUE(samples", "(int32_t)(samples"),
    "float32": POSITIVE + PROGRAM.replace("INPUT", "float"),
}
KEEP = ("lgn_sums_predict", "lgn_sums_selftest", "lgn_sums_fail")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Image]:
    folder = tmp_path_factory.mktemp("sums")
    cores = [("uint8", "cortex-m4"), ("float32", "cortex-m4"), ("uint8", "cortex-m0"), ("float32", "cortex-m33")]
    return {(t, c): link(folder, [compile_text(folder, TEXTS[t], c)], KEEP) for t, c in cores}


def firmware(images: dict[tuple[str, str], Image], dtype: str = "uint8", core: str = "cortex-m4") -> Firmware:
    return Firmware(images[dtype, core], "lgn_sums", FEATURES, dtype, CLASSES, core)


def some(dtype: str, n: int) -> np.ndarray:
    rng = np.random.default_rng(n)
    if dtype == "uint8":
        return rng.integers(0, 256, (n, FEATURES), np.uint8)
    values = rng.normal(size=(n, FEATURES)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = 0
    return values


def expected(samples: np.ndarray) -> np.ndarray:
    values = samples.astype(np.int32) if samples.dtype == np.uint8 else (samples > 0).astype(np.int32)
    return np.stack([values[:, c::CLASSES].sum(1) for c in range(CLASSES)], 1).astype(np.int32)


@pytest.mark.parametrize("n", [0, 1, 31, 32, 33, 1000])
@pytest.mark.parametrize(
    ("dtype", "core"),
    [("uint8", "cortex-m4"), ("float32", "cortex-m4"), ("uint8", "cortex-m0"), ("float32", "cortex-m33")],
)
def test_agrees_with_numpy(images: dict[tuple[str, str], Image], dtype: str, core: str, n: int) -> None:
    samples = some(dtype, n)
    prediction, usage = predict(firmware(images, dtype, core), samples)
    scores = expected(samples)
    assert prediction.scores.dtype == np.int32
    assert prediction.classes.dtype == np.uint16
    np.testing.assert_array_equal(prediction.scores, scores)
    np.testing.assert_array_equal(prediction.classes, scores.argmax(1))
    assert usage.instructions > 0


@pytest.mark.parametrize("batch", [1, 7, 32, 200])
def test_slices_do_not_matter(images: dict[tuple[str, str], Image], batch: int) -> None:
    ware, samples = firmware(images), some("uint8", 100)[:, ::-1]
    whole, usage = predict(ware, samples)
    parts, same = predict(ware, samples, batch=batch)
    np.testing.assert_array_equal(parts.scores, whole.scores)
    assert same.instructions == usage.instructions


def test_samples_are_cut_to_the_ram(images: dict[tuple[str, str], Image]) -> None:
    ware, samples = firmware(images), some("uint8", 1000)
    machine = CortexM(ware.image, ram=(0x20000000, 1024))
    free = machine.free
    prediction, _ = predict(ware, samples, machine=machine)
    np.testing.assert_array_equal(prediction.scores, expected(samples))
    assert machine.free == free
    with pytest.raises(InputError, match="do not fit into"):
        predict(ware, samples, batch=500, machine=machine)
    assert machine.free == free
    with pytest.raises(InputError, match="one sample needs 19 bytes, but only 60 bytes"):
        predict(ware, samples, machine=CortexM(ware.image, ram=(0x20000000, 64)))


def test_cost(images: dict[tuple[str, str], Image]) -> None:
    ware, samples = firmware(images), some("uint8", 64)
    _, usage = predict(ware, samples)
    one, two, three = (measure(ware, samples[:n]).instructions for n in (1, 2, 3))
    assert usage.instructions == one
    assert one < two < three
    assert usage.stack_bytes % 4 == 0
    assert 0 < usage.stack_bytes < 100


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (-3, "lgn_sums_predict returned -3 instead of 0"),
        (1, "lgn_sums_predict's scores: the firmware wrote outside of their 384 bytes"),
        (2, "lgn_sums_predict's classes: the firmware wrote outside of their 64 bytes"),
    ],
)
def test_planted_faults_are_found(images: dict[tuple[str, str], Image], fault: int, message: str) -> None:
    ware = firmware(images)
    machine = ware.start()
    machine.write(ware.image.symbol("lgn_sums_fail").address, fault.to_bytes(4, "little", signed=True))
    with pytest.raises(EmulationError, match=message):
        measure(ware, np.zeros((32, FEATURES), np.uint8), machine=machine)
    with pytest.raises(EmulationError, match=message.split(":")[0]):
        predict(ware, np.zeros((32, FEATURES), np.uint8), machine=machine)


def test_selftest(images: dict[tuple[str, str], Image]) -> None:
    ware = firmware(images)
    assert selftest(ware).instructions > 0
    machine = ware.start()
    machine.write(ware.image.symbol("lgn_sums_fail").address, (5).to_bytes(4, "little"))
    with pytest.raises(EmulationError, match="lgn_sums_selftest returned 5 instead of 0"):
        selftest(ware, machine=machine)


def test_wrong_samples(images: dict[tuple[str, str], Image]) -> None:
    ware = firmware(images)
    with pytest.raises(InputError, match=r"samples have shape \(2, 4\); lgn_sums needs \[n, 5\]"):
        predict(ware, np.zeros((2, 4), np.uint8))
    with pytest.raises(InputError, match="samples are float64; lgn_sums needs uint8"):
        predict(ware, np.zeros((2, 5)))
    with pytest.raises(InputError, match="has no symbol lgn_other_predict"):
        predict(replace(ware, prefix="lgn_other"), np.zeros((2, 5), np.uint8))
    with pytest.raises(InputError, match="a batch of 0 samples"):
        predict(ware, np.zeros((2, 5), np.uint8), batch=0)
