"""The tests of the library once more, compiled so that whatever C and C++ leave undefined ends the process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from lgn_edge import onnx_library_path
from lgn_edge.onnx_library.path import library_for, library_target
from tests.thinning import exhaustive

FLAGS = ("-fsanitize=undefined", "-fsanitize-trap=undefined")
TESTS = ("test_library.py", "test_refusals.py", "test_inference.py", "test_fuse.py")
RUN = """
import sys
from pathlib import Path

import pytest

import lgn_edge.onnx_library.session as session

library = Path(sys.argv[1])
session.onnx_library_path = lambda: library
sys.exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *sys.argv[2:]]))
"""


@exhaustive
def test_nothing_undefined_happens() -> None:
    target = library_target()
    library = library_for(replace(target, machine=replace(target.machine, flags=(*target.machine.flags, *FLAGS))))
    assert library.stat().st_size > onnx_library_path().stat().st_size, "it has checks"
    here = Path(__file__).parent
    command = [sys.executable, "-X", "faulthandler", "-c", RUN, library, *(here / name for name in TESTS)]
    environment = os.environ | {"PYTHONPATH": str(here.parents[1])}
    result = subprocess.run(command, cwd=here.parents[1], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
