/* Blocks of 16 samples as vectors; `lgn_edge/nn/blocks.py` says what the arrays hold. */

#ifndef LGN_LANES_H
#define LGN_LANES_H

#include <stddef.h>
#include <stdint.h>

enum { LANES = 16 };

typedef float Row __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int32_t Mask __attribute__((vector_size(4 * LANES), aligned(4)));

#define INLINE static inline __attribute__((always_inline))

INLINE Row row(const float *p) { return *(const Row *)p; }

/* All ones in the lanes whose bit is set. */
INLINE Mask lanes(uint16_t word)
{
    const Mask bit = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
    return (bit & (int32_t)word) != 0;
}

INLINE Row keep(Row values, Mask mask) { return (Row)((Mask)values & mask); }

INLINE Row bits_row(uint16_t word)
{
    const Row one = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    return keep(one, lanes(word));
}

/* Sums of neighbouring lanes, those of u before those of v. */
INLINE Row pairs(Row u, Row v)
{
    return __builtin_shufflevector(u, v, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
           __builtin_shufflevector(u, v, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

/* Lane i is the sum over the lanes of s[i]; s is used up. */
INLINE Row sums(Row s[LANES])
{
    for (int n = LANES / 2; n >= 1; n /= 2)
        for (int i = 0; i < n; i++)
            s[i] = pairs(s[2 * i], s[2 * i + 1]);
    return s[0];
}

#endif
