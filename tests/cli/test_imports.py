"""What is imported when: nobody pays for what he does not use. The public names."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import lgn_edge

HEAVY = {
    "torch",
    "tvm",
    "onnx",
    "onnxruntime",
    "sklearn",
    "scipy",
    "unicorn",
    "elftools",
    "capstone",
    "ziglang",
    "numpy",
}

# What the first line may load of lgn_edge; a new name here is a decision.
ON_IMPORT = {"lgn_edge", "lgn_edge._version", "lgn_edge.errors"}

PUBLIC = {
    "LgnError",
    "Network",
    "Prediction",
    "__version__",
    "build",
    "export",
    "load",
    "load_artifact",
    "onnx_library_path",
    "onnx_session",
    "verify",
}


def modules_after(code: str) -> set[str]:
    program = f"import sys, json\n{code}\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout.splitlines()[-1]))


def help_of(*arguments: str) -> str:
    return (
        "import lgn_edge.cli\n"
        f"sys.argv = {['lgn-edge', *arguments, '--help']!r}\n"
        "try:\n    lgn_edge.cli.main()\nexcept SystemExit as end:\n    assert not end.code"
    )


def test_import_loads_its_own_three_files():
    loaded = modules_after("import lgn_edge")
    assert {name for name in loaded if name.partition(".")[0] == "lgn_edge"} == ON_IMPORT
    assert not loaded & HEAVY


@pytest.mark.parametrize(
    "command", [(), ("train",), ("export",), ("build",), ("run",), ("verify",), ("inspect",), ("targets",), ("demo",)]
)
def test_help_loads_nothing_heavy(command):
    loaded = modules_after(help_of(*command))
    assert not loaded & HEAVY
    parts = {name.split(".")[1] for name in loaded if name.startswith("lgn_edge.")}
    assert parts <= {"_version", "checks", "errors", "cli", "files", "paths", "words"}


def test_inspect_needs_no_compiler_and_no_torch(files):
    code = help_of().replace("'--help'", f"'inspect', {str(files / 'model.onnx')!r}")
    assert not modules_after(code) & {"torch", "tvm", "onnxruntime", "sklearn"}


def test_public_names():
    assert set(lgn_edge.__all__) == PUBLIC
    assert set(dir(lgn_edge)) >= PUBLIC
    for name in PUBLIC:
        assert getattr(lgn_edge, name) is not None


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lgn_edge.nothing


@pytest.mark.parametrize(
    "first", ["import lgn_edge.verification", "from lgn_edge import verify", "import lgn_edge.cli.verify"]
)
def test_verify_is_a_function_whoever_came_first(first):
    modules_after(f"{first}\nimport lgn_edge\nassert lgn_edge.verify is __import__('lgn_edge.verification').verify")
