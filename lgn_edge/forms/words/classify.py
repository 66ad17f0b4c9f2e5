"""C around the kernels of a word of samples: from their features, or their packed bits, to their classes."""

from __future__ import annotations

from typing import Final

_WORDS: Final = """\
void {prefix}_classify_words(const {element}* sample, void* workspace, int32_t* scores, uint16_t* classes);
void {prefix}_classify_packed_words(const {word}_t* words, int32_t stride, void* workspace, int32_t* scores,
    uint16_t* classes);

void {prefix}_classify_words(const {element}* sample, void* workspace, int32_t* scores, uint16_t* classes) {{
    {prefix}_pack_words(sample, workspace);
    {prefix}_run_words(workspace, scores, classes);
}}

void {prefix}_classify_packed_words(const {word}_t* words, int32_t stride, void* workspace, int32_t* scores,
    uint16_t* classes) {{
    {prefix}_load_words(words, stride, workspace);
    {prefix}_run_words(workspace, scores, classes);
}}
"""


def classify_words(prefix: str, element: str, word: str) -> str:
    """The same two functions for a word of samples; the workspace holds their slots, a word each."""
    return _WORDS.format(prefix=prefix, element=element, word=word)
