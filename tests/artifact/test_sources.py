"""The sources of an artifact under other compilers, in other build systems, on this machine."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lgn_edge import toolchain
from lgn_edge.artifact import Artifact, build
from lgn_edge.artifact.selftest import selftest_samples
from lgn_edge.errors import UnsupportedError
from lgn_edge.network import LogicConv2d, Network, Prediction
from lgn_edge.programs import find_program
from lgn_edge.targets.native import native
from lgn_edge.targets.registry import find_target
from tests.artifact.test_artifact import NETWORKS, OCTET
from tests.outside import needs
from tests.strategies import random_network, random_samples
from tests.thinning import combinations

# What those who write firmware by MISRA's rules turn on, beside what every build is compiled with.
CAREFUL = tuple(
    f"-W{flag}"
    for flag in ["sign-conversion", "missing-prototypes", "strict-prototypes", "cast-qual", "shadow", "undef"]
)
STRICT = ["-std=c99", "-Os", "-fPIC", *toolchain.STRICT_WARNINGS, *CAREFUL]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return build(OCTET, "c", tmp_path_factory.mktemp("sources") / "c", name="octet")


def compiled(artifact: Artifact, folder: Path, compiler: str) -> ctypes.CDLL:
    objects = []
    for source in sorted((artifact.folder / "src").glob("*.c")):
        objects.append(folder / f"{source.stem}.o")
        if compiler == "zig":
            toolchain.compile_c(source, objects[-1], native().machine, include=[artifact.folder / "include"])
        else:
            include = f"-I{artifact.folder / 'include'}"
            subprocess.run([needs(compiler), *STRICT, include, "-c", source, "-o", objects[-1]], check=True)
    toolchain.link_shared(objects, folder / "library.so")
    return ctypes.CDLL(str(folder / "library.so"))


def predicted(library: ctypes.CDLL, artifact: Artifact, samples: np.ndarray) -> Prediction:
    samples = np.ascontiguousarray(samples)
    scores = np.zeros((len(samples), artifact.manifest.classes), np.int32)
    classes = np.zeros(len(samples), np.uint16)
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (samples, scores, classes)]
    function = library[f"lgn_{artifact.name}_predict"]
    assert function(pointers[0], ctypes.c_size_t(len(samples)), pointers[1], pointers[2]) == 0
    return Prediction(scores, classes)


@pytest.mark.parametrize(("network", "optimize", "compiler"), combinations(NETWORKS, ("size", "speed"), ("gcc", "zig")))
def test_sources_under_two_compilers(network: Network, optimize: str, compiler: str, tmp_path: Path) -> None:
    """All forms: every warning is an error, and every output is compared."""
    artifact = build(network, "c", tmp_path / "c", optimize=optimize)
    fast = "positions_straight" if any(isinstance(layer, LogicConv2d) for layer in network.layers) else "straight"
    assert artifact.report["form"] == {"size": "table", "speed": fast}[optimize]
    library = compiled(artifact, tmp_path, compiler)
    assert library[f"lgn_{artifact.name}_selftest"]() == 0
    for n in (0, 1, 33):
        x = random_samples(network, n, seed=n)
        assert predicted(library, artifact, x) == network.evaluate(x)


@pytest.mark.parametrize("compiler", ["gcc", "zig"])
@pytest.mark.parametrize("optimize", ["size", "speed"])
def test_packed_words_and_null_pointers(optimize: str, compiler: str, tmp_path: Path) -> None:
    library = compiled(build(OCTET, "c", tmp_path / "c", name="octet", optimize=optimize), tmp_path, compiler)
    n = 40
    want = OCTET.evaluate(random_samples(OCTET, n))
    packed = OCTET.encoder.evaluate(random_samples(OCTET, n)).view(np.uint32)
    words = np.ascontiguousarray(packed[:, : -(-n // 32)])
    scores, classes = np.full((n, 10), -7, np.int32), np.full(n, 77, np.uint16)
    at = [array.ctypes.data_as(ctypes.c_void_p) for array in (words, scores, classes)]
    for name in ("lgn_octet_predict", "lgn_octet_predict_packed"):
        function = library[name]
        assert function(None, ctypes.c_size_t(0), None, None) == 0
        for missing in range(3):
            words_at, *results_at = (None if place == missing else pointer for place, pointer in enumerate(at))
            assert function(words_at, ctypes.c_size_t(1), *results_at) == -1
        assert (scores == -7).all()
        assert (classes == 77).all()
    assert library["lgn_octet_predict_packed"](at[0], ctypes.c_size_t(n), at[1], at[2]) == 0
    assert Prediction(scores, classes) == want


def test_sources_do_not_run_by_themselves(sources: Artifact) -> None:
    with pytest.raises(UnsupportedError, match="holds C sources; compile them"):
        sources.predict(np.zeros((1, 64), np.uint8))


def test_sources_name_no_header_but_the_standard_ones(sources: Artifact) -> None:
    for source in (sources.folder / "src").glob("*.c"):
        includes = {line.split()[1] for line in source.read_text().splitlines() if line.startswith("#include")}
        assert includes <= {"<stdint.h>", '"lgn_octet.h"'}


def test_make_builds_the_example(sources: Artifact, tmp_path: Path) -> None:
    gcc = needs("gcc")
    folder = shutil.copytree(sources.folder, tmp_path / "c")
    subprocess.run(["make", "-C", folder, f"CC={gcc}", "example"], check=True, capture_output=True)
    assert subprocess.run([folder / "example"], check=True, capture_output=True).stdout.startswith(b"self-test: ok")


def test_cmake_installs_a_package_that_another_project_finds(sources: Artifact, tmp_path: Path) -> None:
    cmake, _ = needs("cmake"), needs("cc")
    folder = shutil.copytree(sources.folder, tmp_path / "c")
    prefix = tmp_path / "prefix"

    def run(*arguments: object) -> None:
        result = subprocess.run([cmake, *map(str, arguments)], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr

    run("-S", folder, "-B", tmp_path / "build", f"-DCMAKE_INSTALL_PREFIX={prefix}")
    run("--build", tmp_path / "build", "--target", "install")
    user = tmp_path / "user"
    user.mkdir()
    shutil.copy(folder / "examples" / "main.c", user / "main.c")
    (user / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(user C)\nfind_package(lgn_octet REQUIRED)\n"
        "add_executable(user main.c)\ntarget_link_libraries(user PRIVATE lgn::octet)\n"
    )
    run("-S", user, "-B", tmp_path / "user-build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("--build", tmp_path / "user-build")
    output = subprocess.run([tmp_path / "user-build" / "user"], check=True, capture_output=True).stdout
    assert output.startswith(b"self-test: ok")


@pytest.mark.parametrize("batch", [1, 32])
@pytest.mark.parametrize("optimize", ["size", "speed"])
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_cppcheck_finds_nothing(network: Network, optimize: str, batch: int, tmp_path: Path) -> None:
    """All that it looks for, in all that is C; only what is called by nobody here is left out."""
    cppcheck = needs("cppcheck")
    folder = build(network, "cortex-m4", tmp_path / "c", optimize=optimize, batch=batch).folder
    command = [cppcheck, "--std=c99", "--enable=all", "--inconclusive", "--error-exitcode=1", "-q"]
    command += [f"--suppress={each}" for each in ("unusedFunction", "missingIncludeSystem")]
    places = [folder / name for name in ("include", "src", "board", "examples")]
    result = subprocess.run(
        [*command, *(f"-I{place}" for place in places[::2]), *places[1:]], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("batch", [1, 32])
@pytest.mark.parametrize("optimize", ["size", "speed"])
def test_floats_are_read_as_floats(optimize: str, batch: int, tmp_path: Path) -> None:
    """However much of a program a compiler sees at once: no pointer of another type reads what a caller wrote."""
    network = NETWORKS["float32"]
    folder = build(network, "c", tmp_path / "c", optimize=optimize, batch=batch, name="floats").folder
    text = "".join(path.read_text() for path in (folder / "src").glob("*.c"))
    assert not re.search(r"int32_t ?\* ?(sample|\))", text)
    assert "const float* sample" in text
    flags = ("-O3", "-flto", "-fstrict-aliasing", "-Wall", "-Wextra", "-Wstrict-aliasing=1", "-Werror")
    command = [needs("gcc"), *flags, f"-I{folder / 'include'}", *(folder / "src").glob("*.c")]
    subprocess.run([*command, folder / "examples" / "main.c", "-o", tmp_path / "main"], check=True)
    printed = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout.splitlines()
    want = network.evaluate(selftest_samples(network, find_target("c").selftest_vectors)[:8])
    lines = [f"class {best}, score {scores[best]}" for best, scores in zip(want.classes, want.scores, strict=True)]
    assert printed == ["self-test: ok", *lines]


UNUSUAL = {
    **NETWORKS,
    "a bit": random_network(3, widths=(9, 1), classes=0, input_dtype="uint8"),
    "bits": random_network(2, widths=(33, 37), classes=0),
    "a score": random_network(1, widths=(33, 31), classes=1, input_dtype="uint8"),
    "a gate": random_network(5, features=1, bits=1, widths=(1,), classes=1),
    "wires": random_network(6, widths=(12,), classes=3, tables=(3, 5, 10, 12)),
    "constants": random_network(4, widths=(12,), classes=3, tables=(0, 15), input_dtype="uint8"),
}


@pytest.mark.parametrize(
    ("network", "optimize", "batch"), combinations(UNUSUAL, ("size", "speed"), {"one": 1, "word": 32})
)
def test_no_compiler_warns_of_generated_c(network: Network, optimize: str, batch: int, tmp_path: Path) -> None:
    """All that is C, as the artifact's own Makefile compiles it, by every compiler that is here."""
    folder = build(network, "c", tmp_path / "c", optimize=optimize, batch=batch).folder
    compilers = [(sys.executable, "-m", "ziglang", "cc"), *[(gcc,) for gcc in (find_program("gcc"),) if gcc]]
    flags = ("-std=c99", "-Os", "-Wall", "-Wextra", "-Werror", f"-I{folder / 'include'}", "-o", tmp_path / "o", "-c")
    for compiler in compilers:
        for source in (*(folder / "src").glob("*.c"), folder / "examples" / "main.c"):
            result = subprocess.run([*compiler, *flags, source], capture_output=True, text=True, check=False)
            assert result.returncode == 0, result.stderr


EXAMPLES = {
    "c": ("gcc",),
    "cortex-m0": ("arm-none-eabi-gcc", "-mcpu=cortex-m0"),
    "atmega2560": ("avr-gcc", "-mmcu=atmega2560"),
}


@pytest.mark.parametrize("target", EXAMPLES)
def test_examples_and_start_up_code_compile_without_a_warning(target: str, tmp_path: Path) -> None:
    folder = build(OCTET, target, tmp_path / "a").folder
    compiler, *flags = EXAMPLES[target]
    # flash of an AVR is an address space of the compiler's own dialect
    dialect = ["-std=gnu99", "-Os", *(flag for flag in toolchain.STRICT_WARNINGS if flag != "-pedantic"), *CAREFUL]
    strict = dialect if target == "atmega2560" else [flag for flag in STRICT if flag != "-fPIC"]
    include = [f"-I{folder / name}" for name in ("include", "board")]
    sources = [folder / "examples" / "main.c", *(folder / "board").glob("*.c"), *(folder / "src").glob("*.c")]
    for source in sources:
        command = [needs(compiler), *flags, *strict, "-ffreestanding", *include, "-c", source, "-o", tmp_path / "out.o"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{source.name}: {result.stderr}"
