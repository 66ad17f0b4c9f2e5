"""C around the kernels of a tape: one sample from its features, or its packed bits, to its class."""

from __future__ import annotations

from typing import Final

from lgn_edge.forms.one_sample.classify import PROTOTYPES

_TABLE: Final = """\
void {prefix}_classify(const {element}* sample, void* workspace, int32_t* scores, uint16_t* classes) {{
    {prefix}_pack(sample, workspace);
    {prefix}_run(workspace, scores, classes);
}}

void {prefix}_classify_packed(const {word}_t* words, int32_t stride, int32_t bit, void* workspace, int32_t* scores,
    uint16_t* classes) {{
    {prefix}_load(words, stride, bit, workspace);
    {prefix}_run(workspace, scores, classes);
}}
"""


def classify_table(prefix: str, element: str, word: str) -> str:
    """The functions around `run_tape`; the workspace holds its slots."""
    return f"{PROTOTYPES}\n{_TABLE}".format(prefix=prefix, element=element, word=word)
