/* Loops around what is timed, so that a call from Python covers many. */

#include <stddef.h>
#include <stdint.h>

typedef uint64_t row __attribute__((vector_size(64))); /* 512 samples; narrower machines take it in parts */

/* The limit of any gate loop whose operands are in memory: two loads, one operation and one store a gate, in L1.
   224 rows of 64 bytes; the three streams lie half a page apart, as an address that equals another's in its last
   12 bits slows both down. */
void limit(row *rows, size_t gates)
{
    const row *a = rows, *b = rows + 64;
    row *out = rows + 160;
    for (size_t pass = 0; pass < gates / 64; ++pass) {
#pragma clang loop unroll_count(8)
        for (size_t i = 0; i < 64; ++i) out[i] = a[i] ^ b[i];
        __asm__ volatile("" ::: "memory");
    }
}

void repeat_pack(void (*pack)(const void *, int32_t, int32_t, void *), const uint8_t *samples, size_t bytes,
                 size_t blocks, int32_t features, int32_t block, void *slots, size_t n)
{
    for (size_t i = 0; i < n; ++i) pack(samples + (i % blocks) * bytes, features, block, slots);
}

void repeat_gates(void (*gates)(void *), void *slots, size_t n)
{
    for (size_t i = 0; i < n; ++i) gates(slots);
}

void repeat_sum(void (*sum)(const void *, int32_t, int32_t *, uint16_t *), const void *slots, int32_t block,
                size_t scores_of_block, size_t blocks, int32_t *scores, uint16_t *classes, size_t n)
{
    for (size_t i = 0; i < n; ++i) {
        size_t at = i % blocks;
        sum(slots, block, scores + at * scores_of_block, classes + at * (size_t)block);
    }
}

/* Every line of the samples once, as wide as the machine reads. */
void reading(const row *samples, size_t bytes, size_t blocks, size_t n)
{
    for (size_t i = 0; i < n; ++i) {
        const row *block = samples + (i % blocks) * (bytes / sizeof(row));
        row sum[4] = {{0}, {0}, {0}, {0}};
        for (size_t k = 0; k + 4 <= bytes / sizeof(row); k += 4) {
            for (size_t j = 0; j < 4; ++j) sum[j] ^= block[k + j];
        }
        __asm__ volatile("" : : "m"(sum) : "memory");
    }
}
