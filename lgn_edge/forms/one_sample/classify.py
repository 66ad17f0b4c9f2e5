"""What the C around the kernels has in common: its two functions, counting, and the first maximum.

Each form gives the same two functions:

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

KEEP: Final = """\
/* lgn_keep: a value in a register, of which compilers know nothing. They would put off additions until the end, and
   have to keep every bit until then; or they would put the distance to some words into each of their addresses. */
#if defined(__GNUC__)
#define lgn_keep(x) __extension__({ __typeof__(x) kept = (x); __asm__("" : "+r"(kept)); kept; })
#else
#define lgn_keep(x) (x)
#endif
"""

FLOAT_BITS: Final = """\
/* The bit pattern of a float, by way of a union: no pointer of another type reads what a caller wrote as floats. */
static inline int32_t lgn_bits(float value) {
  union {
    float value;
    int32_t bits;
  } both;
  both.value = value;
  return both.bits;
}
"""

PROTOTYPES: Final = """\
void {prefix}_classify(const {element}* sample, void* workspace, int32_t* scores, uint16_t* classes);
void {prefix}_classify_packed(const {word}_t* words, int32_t stride, int32_t bit, void* workspace, int32_t* scores,
    uint16_t* classes);
"""


def counted_gate(table: int, total: Expr, a: Expr, b: Expr, subtract: bool = False) -> Expr:
    """`total` and a gate of two bits, all uint32; in one instruction where COUNTING has one. An XOR is added."""
    if table == XOR and not subtract:
        return tirx.call_extern("uint32", "lgn_add_xor", total, a, b)
    value = tirx.call_extern("uint32", "lgn_and", a, b) if table == AND else EXECUTE[OPERATIONS.index(table)](a, b)
    return total - value if subtract else total + value


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
