"""The sources of a machine that takes one sample at a time: kernels and tables as C, and the functions around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lgn_edge.forms.form import Sources, Vectors
from lgn_edge.templates import c_rows

if TYPE_CHECKING:
    from lgn_edge.kernels.tir import Kernel


@dataclass(frozen=True)
class Code:
    """What a form gives to the file of kernels.

    Attributes:
        kernels: in the order that they are written.
        before: C that goes before them.
        behind: C that goes behind them.
    """

    kernels: Sequence[Kernel]
    before: Sequence[str]
    behind: Sequence[str]


def one_sample_sources(code: Code, common: Mapping[str, object], vectors: Vectors) -> Sources:
    """The file of kernels, the public functions and the self-test."""
    from lgn_edge.forms.one_sample.classify import FLOAT_BITS
    from lgn_edge.kernels.checksum import checksum, checksum_of
    from lgn_edge.targets.c_source import c_source

    name, version = common["name"], common["version"]
    prefix = f"lgn_{name}"
    tables = list({table.symbol: table for kernel in code.kernels for table in kernel.tables}.values())
    text = c_source(
        [*code.kernels, checksum(tables, prefix)],
        f"{name}: kernels and tables. Written by lgn-edge {version}; do not edit.",
        "\n".join([*code.before, *[FLOAT_BITS] * (common["input_type"] == "float")]),
        "\n".join(code.behind),
    )
    return Sources(
        files={f"{prefix}_kernels.c": text},
        templates={"src/lgn_{name}.c": "device.c.in", "src/lgn_{name}_selftest.c": "device_selftest.c.in"},
        values={
            "checksum": checksum_of(tables),
            "cell": "uint8_t",
            **dict.fromkeys(("strided", "words_prototypes", "words", "packed_words", "misaligned"), ""),
            "samples": c_rows(vectors.samples),
            "expected": c_rows(vectors.scores),
        },
    )
