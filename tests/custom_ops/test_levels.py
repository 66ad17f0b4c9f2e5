"""The kernels of every level of the processor, through one library."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest

from lgn_edge import host, onnx_library_path
from lgn_edge.host import X86_LEVELS
from lgn_edge.onnx_model import Form, to_model
from lgn_edge.targets.x86_64 import X86_64
from tests.custom_ops.test_library import IMAGES, NETWORKS, run_of
from tests.onnx_model.forms import assert_same, suits
from tests.strategies import random_samples

LEVELS = {2: "x86-64-v2", 3: "x86-64-v3", 4: "x86-64-v4"}

pytestmark = pytest.mark.skipif(not host.runs_here(X86_64.triple), reason="this machine is not Linux on x86-64")


@pytest.fixture
def library() -> Iterator[ctypes.CDLL]:
    """The library that ONNX Runtime loads, with the best level again when a test has ended."""
    found = ctypes.CDLL(str(onnx_library_path()))
    yield found
    found.lgn_onnx_set_level(0)


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_equals_the_reference(level: int, library: ctypes.CDLL) -> None:
    lacks = frozenset().union(*(X86_LEVELS[LEVELS[i]] for i in LEVELS if i <= level)) - host.cpu_flags()
    if lacks:
        pytest.skip(f"{LEVELS[level]} needs {', '.join(sorted(lacks))}")
    assert library.lgn_onnx_set_level(level) == 0
    for name, network in (NETWORKS | IMAGES).items():
        for form in (Form("custom"), Form("fused"), Form("fused", "packed")):
            if not suits(form, network):
                continue
            run = run_of(to_model(network, form))  # which takes the level's kernels
            for n in (1, 65, 513):
                assert_same(network, run, random_samples(network, n, seed=n), form)
        assert library.lgn_onnx_level() == level, name
