"""C around the kernels of a device: one sample, or one packed sample, from its bits to its class.

Both forms give the same two functions:

    void PREFIX_classify(const element *sample, void *workspace, int32_t *scores, uint16_t *classes)
    void PREFIX_classify_packed(const word *words, int32_t stride, int32_t bit, void *workspace, ...)
"""

from __future__ import annotations

from typing import Final

from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.kernels.tir import Buffer, Expr, constant, variable
from lgn_edge.network.truth_table import AND, XOR
from lgn_edge.passes.push_complements import EXECUTE, OPERATIONS

COUNTING: Final = """\
/* total + (a & b) and total + (a ^ b) of bits, one instruction where there is one. */
#if defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 2
#define lgn_and(a, b) ((a) * (b))
#else
#define lgn_and(a, b) ((a) & (b))
#endif
#if defined(__ARM_FEATURE_SIMD32) && defined(__GNUC__)
#define lgn_add_xor(total, a, b) \\
    __extension__({ uint32_t sum; __asm__("usada8 %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(total)); sum; })
#else
#define lgn_add_xor(total, a, b) ((total) + ((a) ^ (b)))
#endif
"""

_PROTOTYPES: Final = """\
void {prefix}_classify(const {element}_t* sample, void* workspace, int32_t* scores, uint16_t* classes);
void {prefix}_classify_packed(const {word}_t* words, int32_t stride, int32_t bit, void* workspace, int32_t* scores,
    uint16_t* classes);
"""

_WORDS: Final = """\
void {prefix}_classify_words(const {element}_t* sample, void* workspace, int32_t* scores, uint16_t* classes);
void {prefix}_classify_packed_words(const {word}_t* words, int32_t stride, void* workspace, int32_t* scores,
    uint16_t* classes);

void {prefix}_classify_words(const {element}_t* sample, void* workspace, int32_t* scores, uint16_t* classes) {{
    {prefix}_pack_words(sample, workspace);
    {prefix}_run_words(workspace, scores, classes);
}}

void {prefix}_classify_packed_words(const {word}_t* words, int32_t stride, void* workspace, int32_t* scores,
    uint16_t* classes) {{
    {prefix}_load_words(words, stride, workspace);
    {prefix}_run_words(workspace, scores, classes);
}}
"""

_TABLE: Final = """\
void {prefix}_classify(const {element}_t* sample, void* workspace, int32_t* scores, uint16_t* classes) {{
    {prefix}_pack(sample, workspace);
    {prefix}_run(workspace, scores, classes);
}}

void {prefix}_classify_packed(const {word}_t* words, int32_t stride, int32_t bit, void* workspace, int32_t* scores,
    uint16_t* classes) {{
    {prefix}_load(words, stride, bit, workspace);
    {prefix}_run(workspace, scores, classes);
}}
"""

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

void {prefix}_classify(const {element}_t* sample, void* workspace, int32_t* scores, uint16_t* classes) {{
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


def counted_gate(table: int, total: Expr, a: Expr, b: Expr, subtract: bool = False) -> Expr:
    """`total` and a gate of two bits, all uint32; in one instruction where COUNTING has one. An XOR is added."""
    if table == XOR and not subtract:
        return tirx.call_extern("uint32", "lgn_add_xor", total, a, b)
    value = tirx.call_extern("uint32", "lgn_and", a, b) if table == AND else EXECUTE[OPERATIONS.index(table)](a, b)
    return total - value if subtract else total + value


def classify_table(prefix: str, element: str, word: str) -> str:
    """The functions around `run_tape`; the workspace holds its slots."""
    return f"{_PROTOTYPES}\n{_TABLE}".format(prefix=prefix, element=element, word=word)


def classify_words(prefix: str, element: str, word: str) -> str:
    """The same two functions for a word of samples; the workspace holds their slots, a word each."""
    return _WORDS.format(prefix=prefix, element=element, word=word)


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
    return f"{_PROTOTYPES}\n{_STRAIGHT}".format(
        prefix=prefix, element=element, word=word, slot=slot, n_slots=n_slots, classes=classes
    )


def first_maximum(scores: Buffer, classes: Buffer, n_classes: int, sample: Expr) -> None:
    """Emit the first maximum of a sample's scores."""
    best, winner = variable(), variable()
    T.buffer_store(best, scores[sample * n_classes], [0])
    T.buffer_store(winner, constant(0, "int32"), [0])
    with T.serial(1, n_classes) as c:
        score = T.Bind(scores[sample * n_classes + c])
        with T.If(score > best[0]), T.Then():
            T.buffer_store(best, score, [0])
            T.buffer_store(winner, c, [0])
    T.buffer_store(classes, tirx.Cast("uint16", winner[0]), [sample])
