"""Every byte that a library touches is its own, its caller's, or read-only: valgrind watches, where it is installed."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import pytest

from lgn_edge import toolchain
from lgn_edge.artifact import build
from lgn_edge.network import Network
from lgn_edge.targets.x86_64 import X86_64
from tests.outside import needs
from tests.strategies import random_network, random_samples

# Buffers of exactly the documented sizes from malloc, where valgrind sees a byte too many; every batch in one run.
PROGRAM = """
#define _POSIX_C_SOURCE 200112L
#include <stdlib.h>
#include <string.h>
#include "lgn_watched.h"

static const unsigned char samples[] = {SAMPLES};
static const int32_t expected[] = {SCORES};

static int run(size_t n)
{
    const size_t bytes = n * LGN_WATCHED_FEATURES * sizeof(lgn_watched_input);
    const size_t room = n * LGN_WATCHED_CLASSES * sizeof(int32_t);
    lgn_watched_input *input = malloc(bytes + !bytes);
    int32_t *scores = malloc(room + !room);
    uint16_t *classes = malloc(n * sizeof(*classes) + !n);
    void *workspace = NULL;
    int wrong = posix_memalign(&workspace, LGN_WATCHED_WORKSPACE_ALIGN, LGN_WATCHED_WORKSPACE_BYTES);

    memcpy(input, samples, bytes);
    wrong |= lgn_watched_predict_in(workspace, input, n, scores, classes) || memcmp(scores, expected, room) != 0;
    for (size_t s = 0; s < n; s++) {
        wrong |= scores[s * LGN_WATCHED_CLASSES + classes[s]] < scores[s * LGN_WATCHED_CLASSES];
    }
    free(workspace);
    free(classes);
    free(scores);
    free(input);
    return wrong;
}

int main(void)
{
    static const size_t sizes[] = {0, 1, 63, 64, 65, 511, 512, 513};
    static const int levels[] = {2, 3};
    int wrong = lgn_watched_selftest();

    for (int level = 0; level < 2; level++) {
        if (lgn_watched_set_level(levels[level]) == LGN_WATCHED_OK) { /* valgrind knows no AVX-512 */
            for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                wrong |= run(sizes[i]);
            }
        }
    }
    return wrong;
}
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the library is for x86-64")
@pytest.mark.parametrize(
    "network",
    [
        random_network(40, features=9, bits=60, widths=(80, 70), classes=7),
        random_network(41, features=65, bits=150, widths=(90, 60), classes=3, input_dtype="uint8"),
        random_network(42, features=3, bits=7, widths=(9, 4), classes=2, input_dtype="uint8"),
    ],
    ids=["float32", "uint8", "few features"],
)
def test_valgrind_finds_nothing(network: Network, tmp_path: Path) -> None:
    valgrind = needs("valgrind")
    folder = build(network, "x86-64", tmp_path / "artifact", name="watched").folder
    samples = random_samples(network, 513)
    text = PROGRAM.replace("SAMPLES", ",".join(map(str, samples.tobytes())))
    text = text.replace("SCORES", ",".join(map(str, network.evaluate(samples).scores.ravel())))
    source, obj, program = tmp_path / "main.c", tmp_path / "main.o", tmp_path / "main"
    source.write_text(text)
    toolchain.compile_c(source, obj, X86_64.machine, include=[folder / "include"])
    toolchain.link_program([obj, folder / "lib" / "liblgn_watched.a"], program, X86_64.machine)
    # Addresses are watched, not what was never written: rows are exchanged by exclusive or, also through bits behind
    # the last sample, which cancel; valgrind cannot know that.
    watch = ["--undef-value-errors=no", "--leak-check=full", "--error-exitcode=9"]
    command = [valgrind, "--quiet", *watch, str(program)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
