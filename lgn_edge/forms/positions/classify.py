"""C around the kernels of words of positions: one sample from its features, or its packed bits, to its class."""

from __future__ import annotations

from typing import Final

from lgn_edge.forms.one_sample.classify import PROTOTYPES

_POSITIONS: Final = """\
static void {prefix}_decide(uint32_t* memory, int32_t* scores, uint16_t* classes) {{
    uint8_t* slots = (uint8_t*)(memory + {words});
    {prefix}_convolve(memory);
    {prefix}_expand(memory, slots);
    {prefix}_run(slots, scores, classes);
}}

void {prefix}_classify(const {element}* sample, void* workspace, int32_t* scores, uint16_t* classes) {{
    {prefix}_pack(sample, workspace);
    {prefix}_decide(workspace, scores, classes);
}}

void {prefix}_classify_packed(const {word}_t* words, int32_t stride, int32_t bit, void* workspace, int32_t* scores,
    uint16_t* classes) {{
    {prefix}_load(words, stride, bit, workspace);
    {prefix}_decide(workspace, scores, classes);
}}
"""


def classify_positions(prefix: str, element: str, word: str, words: int) -> str:
    """The functions around the kernels; slots are behind so many words of the workspace."""
    return f"{PROTOTYPES}\n{_POSITIONS}".format(prefix=prefix, element=element, word=word, words=words)
