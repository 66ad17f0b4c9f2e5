"""Which level the library chooses on which CPU, with CPUID and XGETBV answered by the test."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lgn_edge.artifact import build
from lgn_edge.emulate import Image
from tests.artifact.test_artifact import OCTET
from tests.artifact.x86_64 import Processor, call, linked_image

PREFIX = "lgn_random11"
LEVEL, SET_LEVEL = f"{PREFIX}_level", f"{PREFIX}_set_level"
PREDICT, PREDICT_PACKED = f"{PREFIX}_predict_in", f"{PREFIX}_predict_packed_in"

# Exactly the bits of each level, as the psABI lists them: CPUID's leaves 1 and 0x80000001 (ecx), 7 (ebx).
SSE = 1 << 0 | 1 << 9 | 1 << 13 | 1 << 19 | 1 << 20 | 1 << 23
AVX = 1 << 12 | 1 << 22 | 1 << 28 | 1 << 29
OSXSAVE = 1 << 27
LAHF, LZCNT = 1 << 0, 1 << 5
AVX2 = 1 << 3 | 1 << 5 | 1 << 8
AVX512 = 1 << 16 | 1 << 17 | 1 << 28 | 1 << 30 | 1 << 31
V2 = Processor(SSE, LAHF, 0)
V3 = Processor(SSE | AVX | OSXSAVE, LAHF | LZCNT, AVX2, 0x07)
V4 = replace(V3, ebx7=AVX2 | AVX512, xcr0=0xE7)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp("choice")
    return linked_image(build(OCTET, "x86-64", folder / "artifact"), folder)


def level(image: Image, processor: Processor) -> int:
    return call(image, processor, LEVEL)[0]


def without(processor: Processor, register: str, bits: int) -> list[Processor]:
    """The processor without each one of these bits."""
    value = getattr(processor, register)
    return [replace(processor, **{register: value & ~(1 << i)}) for i in range(32) if bits >> i & 1]


def test_each_level_is_found(image: Image) -> None:
    assert [level(image, processor) for processor in (V2, V3, V4)] == [2, 3, 4]


def test_every_feature_of_a_level_is_needed(image: Image) -> None:
    lacking = {
        0: [*without(V4, "ecx1", SSE), *without(V4, "ecx80000001", LAHF)],
        2: [*without(V4, "ecx1", AVX | OSXSAVE), *without(V4, "ecx80000001", LZCNT), *without(V4, "ebx7", AVX2)],
        3: without(V4, "ebx7", AVX512),
    }
    for want, processors in lacking.items():
        for processor in processors:
            assert level(image, processor) == want, processor


def test_registers_that_the_operating_system_does_not_save_are_not_used(image: Image) -> None:
    levels = {0xE7: 4, 0x07: 3, 0x67: 3, 0xA7: 3, 0xC7: 3, 0x03: 2, 0xE5: 2, 0xE3: 2, 0x01: 2}
    assert {xcr0: level(image, replace(V4, xcr0=xcr0)) for xcr0 in levels} == levels


def test_a_cpu_without_osxsave_is_not_asked_for_its_state(image: Image) -> None:
    """There XGETBV is an invalid instruction."""
    assert level(image, replace(V4, ecx1=V4.ecx1 & ~OSXSAVE, xcr0=None)) == 2


def test_a_leaf_that_the_cpu_does_not_have_is_not_read(image: Image) -> None:
    assert level(image, replace(V4, last_leaf=6)) == 2


def arguments(image: Image, n: int) -> tuple[int, ...]:
    """Pointers that nothing follows: any aligned ones."""
    place = image.symbol(PREDICT).address & -64
    return place, place, n, place, place


def test_predictions_run_the_kernels_of_the_level(image: Image) -> None:
    kernels = {
        image.symbol(name).address: name.removeprefix(f"{PREFIX}_")
        for name in (f"{PREFIX}_{kernel}_v{n}" for kernel in ("pack", "load", "gates", "sum") for n in (2, 3, 4))
    }
    for n, processor in {2: V2, 3: V3, 4: V4}.items():
        for function, first in ((PREDICT, "pack"), (PREDICT_PACKED, "load")):
            called = [f"{first}_v{n}", f"gates_v{n}", f"sum_v{n}"]
            assert call(image, processor, function, *arguments(image, 5), skipped=kernels) == (0, called)


def test_no_level_means_no_prediction(image: Image) -> None:
    old = replace(V2, ecx80000001=0)
    for function in (PREDICT, PREDICT_PACKED):
        assert call(image, old, function, *arguments(image, 1))[0] == -2
        assert call(image, old, function, *arguments(image, 0))[0] == 0
    assert call(image, old, SET_LEVEL, 2)[0] == -2
    assert call(image, V3, SET_LEVEL, 4)[0] == -2
    assert call(image, V3, SET_LEVEL, 3)[0] == 0
