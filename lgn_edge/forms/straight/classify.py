"""C around straight-line code: one sample from its features, or its packed bits, to its class."""

from __future__ import annotations

from typing import Final

from lgn_edge.forms.one_sample.classify import PROTOTYPES

_STRAIGHT: Final = """\
struct packed {{
    const {word}_t* words;
    int32_t stride;
    int32_t bit;
}};

static void fill(const void* source, {slot}_t* slots) {{
    {prefix}_pack(source, slots);
}}

static void fill_packed(const void* source, {slot}_t* slots) {{
    const struct packed* from = source;

    {prefix}_load(from->words, from->stride, from->bit, slots);
}}

/* The slots are on this function's stack, where an instruction of two bytes reads one; it exists once. */
#if defined(__GNUC__)
__attribute__((noinline))
#endif
static void run(void (*fill_slots)(const void*, {slot}_t*), const void* source, int32_t* scores, uint16_t* classes) {{
    {slot}_t slots[{n_slots}];
    int32_t best;
    uint16_t c;
    uint16_t winner = 0u;

    fill_slots(source, slots);
    {prefix}_gates(slots, scores);
    best = scores[0];
    for (c = 1u; c < {classes}u; c++) {{
        if (scores[c] > best) {{
            best = scores[c];
            winner = c;
        }}
    }}
    *classes = winner;
}}

void {prefix}_classify(const {element}* sample, void* workspace, int32_t* scores, uint16_t* classes) {{
    (void)workspace;
    run(fill, sample, scores, classes);
}}

void {prefix}_classify_packed(const {word}_t* words, int32_t stride, int32_t bit, void* workspace, int32_t* scores,
    uint16_t* classes) {{
    struct packed source;

    (void)workspace;
    source.words = words;
    source.stride = stride;
    source.bit = bit;
    run(fill_packed, &source, scores, classes);
}}
"""


def gates_are_inlined(prefix: str, slot: str) -> str:
    """The declaration that makes the kernel of `straight` a part of the one function that calls it."""
    return f"""\
#if defined(__GNUC__)
__attribute__((always_inline))
#endif
static inline void {prefix}_gates({slot}_t* slots, int32_t* scores);
"""


def classify_straight(prefix: str, element: str, word: str, slot: str, n_slots: int, classes: int) -> str:
    """The functions around `straight`; its slots are on the stack, and the workspace is not used."""
    return f"{PROTOTYPES}\n{_STRAIGHT}".format(
        prefix=prefix, element=element, word=word, slot=slot, n_slots=n_slots, classes=classes
    )
